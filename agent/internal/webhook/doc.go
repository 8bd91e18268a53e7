// Package webhook turns what comes in through the HTTP doors into events: it checks who sent a body, reads what code hosts and
// message systems write, and makes artifacts of bodies. It opens no connection.
//
// Forms are Echo's (spinnaker/spinnaker echo/echo-webhooks), one file for each code host.
package webhook
