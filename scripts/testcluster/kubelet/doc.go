// Package kubelet stands in for the kubelets of a cluster that runs no
// containers: it registers nodes, moves Pods through the states that a real
// kubelet would report, and serves their logs.
//
// Pods do well unless something says otherwise. An image of the test registry
// has to be there, as asked by HTTP; images of other registries are taken as
// present. A Pod of a Job ends with exit code 0. Annotations of the Pod
// change the rest; a real cluster ignores them:
//
//	testcluster/outcome: notready   runs, and never becomes ready
//	testcluster/outcome: crash      restarts for ever (CrashLoopBackOff, exit code 1)
//	testcluster/outcome: exit-N     ends with exit code N; restarts if its restartPolicy says so
//	testcluster/ready-after: 3s     becomes ready, or ends, only after that time
//	testcluster/log: "text"         what its containers wrote
package kubelet
