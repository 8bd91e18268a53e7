// Package cron makes events of the times of cron triggers. One process does so at a time, under a lease. Up to when a
// trigger's times have been looked at is stored with the events: a restart, or another process that goes on, neither loses nor
// doubles one.
package cron
