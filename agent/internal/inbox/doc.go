// Package inbox is the durable intake of events: it accepts them, matches them against triggers and starts pipelines, in
// one transaction, with a verdict in words for every trigger considered. Where deciding needs a look outside (a late
// property file), it keeps a candidate and decides later, in build order.
package inbox
