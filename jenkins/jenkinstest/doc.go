// Package jenkinstest is a Jenkins master to test and demonstrate against: an
// HTTP server with jobs, builds, artifacts, logs and a queue that answers like
// Jenkins 2.372, and that fails in all the ways a master and the proxies before
// it fail.
//
// Answers are modelled on recordings of a real master; golden tests keep them
// equal. State moves only with the server's [Clock], which by default stands
// still until advanced; nothing sleeps except faults that ask for it. Where the
// double is stricter than Jenkins it is one answer that is always a consistent
// snapshot.
//
// It knows nothing of the testing package, so that programs can serve it too.
package jenkinstest
