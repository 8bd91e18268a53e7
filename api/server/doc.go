// Package server is the HTTP server under the API: routing, sign-in, limits, errors in Spinnaker's form, health,
// metrics, TLS, graceful stop.
package server
