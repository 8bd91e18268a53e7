// Package quartz reads the cron expressions of Spinnaker's cron triggers, those of the Quartz scheduler with Spinnaker's `H`,
// and says when they fire. It is pure.
//
// Source: the documentation of Quartz' CronExpression; spinnaker/spinnaker echo/echo-scheduler CronExpressionFuzzer.java for
// `H`.
package quartz
