// Package masters runs the configured Jenkins masters: it polls each under a lease into the inbox, and reads and starts
// builds for stages and the API. Jobs carry their names in Igor's form (folder/job/name).
package masters
