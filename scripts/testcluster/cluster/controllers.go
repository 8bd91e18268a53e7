package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/cronjob"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	"k8s.io/kubernetes/pkg/controller/ttlafterfinished"
)

const (
	workers         = 5                // of each controller, as kube-controller-manager has
	collectorResync = 30 * time.Second // how often the garbage collector looks for new kinds
	maxEndpoints    = 100              // in one EndpointSlice
	endpointsBatch  = 500 * time.Millisecond
)

// controller is what all controllers of k8s.io/kubernetes have in common.
type controller interface {
	Run(ctx context.Context, workers int)
}

// startControllers starts the part of kube-controller-manager that workloads
// need. They run until ctx ends; parts counts them.
func startControllers(ctx context.Context, parts *sync.WaitGroup, config *rest.Config, ca []byte) error {
	client, err := kubernetes.NewForConfig(protobuf(config))
	if err != nil {
		return err
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	scales, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc,
		scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	if err != nil {
		return err
	}
	s := set{
		client: client, meta: meta, mapper: mapper, scales: scales, ca: ca,
		factory: informers.NewSharedInformerFactory(client, 0),
	}
	controllers, err := s.controllers(ctx)
	if err != nil {
		return err
	}
	collect, err := s.garbageCollector(ctx)
	if err != nil {
		return err
	}
	s.factory.Start(ctx.Done())
	for _, c := range controllers {
		parts.Go(func() { c.Run(ctx, workers) })
	}
	collect(parts)
	return nil
}

// set is what the controllers share.
type set struct {
	client  kubernetes.Interface
	meta    metadata.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
	scales  scale.ScalesGetter
	factory informers.SharedInformerFactory
	ca      []byte
}

func (s set) controllers(ctx context.Context) ([]controller, error) {
	var (
		client = s.client
		apps   = s.factory.Apps().V1()
		core   = s.factory.Core().V1()
		batch  = s.factory.Batch().V1()
		slices = s.factory.Discovery().V1().EndpointSlices()
		errs   []error
	)
	failed := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	failed("deployment", err)
	daemons, err := daemon.NewDaemonSetsController(ctx, apps.DaemonSets(), apps.ControllerRevisions(), core.Pods(), core.Nodes(),
		client, flowcontrol.NewBackOff(time.Second, 15*time.Minute))
	failed("daemonset", err)
	jobs, err := job.NewController(ctx, client, core.Pods(), batch.Jobs(), nil, nil)
	failed("job", err)
	cronJobs, err := cronjob.NewControllerV2(ctx, batch.Jobs(), batch.CronJobs(), client)
	failed("cronjob", err)
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(),
		client, serviceaccount.DefaultServiceAccountsControllerOptions())
	failed("serviceaccount", err)
	rootCA, err := rootcacertpublisher.NewPublisher(core.ConfigMaps(), core.Namespaces(), client, s.ca)
	failed("root CA", err)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return []controller{
		deployments, daemons, jobs, cronJobs, accounts, rootCA,
		replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas),
		statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), client),
		endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(), slices, maxEndpoints, client, endpointsBatch),
		namespace.NewNamespaceController(ctx, client, s.meta, client.Discovery().ServerPreferredNamespacedResources,
			core.Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes),
		ttlafterfinished.New(ctx, batch.Jobs(), client),
		clusterroleaggregation.NewClusterRoleAggregation(s.factory.Rbac().V1().ClusterRoles(), client.RbacV1()),
		disruption.NewDisruptionController(ctx, core.Pods(), s.factory.Policy().V1().PodDisruptionBudgets(), core.ReplicationControllers(),
			apps.ReplicaSets(), apps.Deployments(), apps.StatefulSets(), client, s.mapper, s.scales, client.Discovery()),
	}, nil
}

// garbageCollector returns the function that starts the collector once the
// informers are started.
func (s set) garbageCollector(ctx context.Context) (func(*sync.WaitGroup), error) {
	both := informerfactory.NewInformerFactory(s.factory, metadatainformer.NewSharedInformerFactory(s.meta, 0))
	started := make(chan struct{})
	collector, err := garbagecollector.NewGarbageCollector(ctx, s.client, s.meta, s.mapper,
		garbagecollector.DefaultIgnoredResources(), both, started)
	if err != nil {
		return nil, fmt.Errorf("garbage collector: %w", err)
	}
	return func(parts *sync.WaitGroup) {
		close(started)
		parts.Go(func() { collector.Run(ctx, workers, collectorResync) })
		parts.Go(func() { collector.Sync(ctx, s.client.Discovery(), collectorResync) })
	}, nil
}
