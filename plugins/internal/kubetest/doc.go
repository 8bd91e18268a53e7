// Package kubetest gives tests a real Kubernetes API server.
//
// In this order it uses the cluster of $TEST_KUBECONFIG, joins the testcluster
// whose folder is $TEST_CLUSTER, or starts the testcluster that
// scripts/testcluster/build.sh has built, one for each test binary. If there is
// none, tests that need it are skipped, but fail where CI=true, so that CI
// cannot pass by skipping. With -short they are always skipped.
//
// A package's tests ask for it once, and then where they need it:
//
//	func TestMain(m *testing.M) { kubetest.Main(m) }
//
//	func TestDeploy(t *testing.T) {
//		cluster := kubetest.Start(t)
//		namespace := cluster.Namespace(t)
//		image := cluster.Push(t, "team/app", "1.0")
//		...
//	}
//
// The testcluster runs no containers: a stand-in for the kubelets moves Pods
// through their states. What becomes of a Pod is chosen by its image, which has
// to be in the test registry if it names that, and by the annotations below. A
// real cluster ignores the annotations; a test that should agree with both
// gives its Pods commands and probes to the same effect, uses [PauseImage] and
// [Cluster.MissingImage], and allows a minute where the stand-in takes a
// second. A test that cannot says so with [Cluster.NeedStandIn].
//
// Only tests may import this package.
package kubetest
