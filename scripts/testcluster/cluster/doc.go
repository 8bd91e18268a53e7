// Package cluster runs a Kubernetes control plane inside this process: etcd,
// the API server, the controllers that workloads need and the scheduler, all
// from the libraries of k8s.io/kubernetes, with a stand-in for the kubelets.
//
// Feature gates, metrics and klog are process-wide in those libraries, so one
// process can run one cluster, once.
package cluster
