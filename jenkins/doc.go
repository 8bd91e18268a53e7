// Package jenkins is a narrow client for one Jenkins master: it lists jobs,
// reads builds, their artifacts, property files and logs, and starts, follows
// and stops builds.
//
// Every request has a deadline, a size limit and a typed error ([Error]) whose
// text tells a user what came back and what to do. Addresses are built from the
// configured address and names; the url fields in Jenkins' answers are for
// links only and are never followed. No redirect is followed with credentials.
//
// Requests of the JSON API go through gojenkins' Requester.Do, over our own
// http.RoundTripper, which does what the Requester leaves out: it checks the
// status, bounds and completes the body, adds credentials and crumbs. Nothing
// else of gojenkins is used: its object graph loads every build of a job, and
// its Post and Init functions panic, print or loop when Jenkins misbehaves.
//
// A job is named by its full name as Jenkins answers it ("shop/cart",
// "svc/feature%2Fx"); [FullName] makes it from the name that Spinnaker's
// pipelines use ("shop/job/cart").
package jenkins
