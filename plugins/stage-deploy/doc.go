// Stage-deploy is the plugin executable for stages that change a Kubernetes cluster; it provides deployManifest.
//
// A deploy is a chain of short steps: resolve the manifest, prepare the objects, check them all before the first write,
// apply them one by one, publish the outputs, wait until everything is stable, delete surplus versions. Each step may
// be repeated: what was decided before the first write (names, versions, bindings) is kept in a blob of the agent, and
// applying an object that is as it should be changes nothing.
package main
