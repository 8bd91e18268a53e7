package kubelet

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// workers is how many Pods are looked at at once.
const workers = 4

// kubelet plays the kubelets of all nodes.
type kubelet struct {
	client    kubernetes.Interface
	images    Images
	pods      corelisters.PodLister
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
	events    record.EventRecorder
	stopped   <-chan struct{}
	addresses atomic.Uint32

	mu      sync.Mutex
	started map[types.UID]time.Time // more exact than the API's whole seconds
}

// Start registers the nodes and plays their kubelets until ctx ends; parts
// counts what it started. certificate is for serving logs to the API server.
func Start(ctx context.Context, parts *sync.WaitGroup, client kubernetes.Interface, certificate tls.Certificate, images Images) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	k := &kubelet{
		client:  client,
		images:  images,
		pods:    factory.Core().V1().Pods().Lister(),
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		events:  broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet"}),
		stopped: ctx.Done(),
		started: map[types.UID]time.Time{},
	}
	k.addresses.Store(uint32(time.Now().Unix())) // so that a restart goes on with other addresses

	l, err := net.Listen("tcp", net.JoinHostPort(hostIP, "0"))
	if err != nil {
		return err
	}
	if err := registerNodes(ctx, client, int32(l.Addr().(*net.TCPAddr).Port)); err != nil {
		return errors.Join(err, l.Close())
	}
	if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    k.enqueue,
		UpdateFunc: func(_, pod any) { k.enqueue(pod) },
		DeleteFunc: k.forget,
	}); err != nil {
		return errors.Join(err, l.Close())
	}
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	factory.Start(ctx.Done())
	for range workers {
		parts.Go(func() { k.work(ctx) })
	}
	logs := k.newLogServer(certificate)
	parts.Go(func() {
		if err := serveTLS(logs, l); err != nil {
			klog.FromContext(ctx).Error(err, "kubelet")
		}
	})
	parts.Go(func() {
		<-ctx.Done()
		k.queue.ShutDown()
		broadcaster.Shutdown()
		factory.Shutdown()
		if err := logs.Close(); err != nil {
			klog.FromContext(ctx).Error(err, "kubelet: stop serving logs")
		}
	})
	return nil
}

func (k *kubelet) enqueue(object any) {
	if key, err := cache.ObjectToName(object); err == nil {
		k.queue.Add(key)
	}
}

func (k *kubelet) forget(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if pod, ok := object.(*corev1.Pod); ok {
		k.mu.Lock()
		delete(k.started, pod.UID)
		k.mu.Unlock()
	}
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, shutdown := k.queue.Get()
		if shutdown {
			return
		}
		again, err := k.sync(ctx, key)
		switch {
		case apierrors.IsConflict(err), apierrors.IsNotFound(err):
			// The cache is behind; its update brings the Pod back.
		case err != nil:
			klog.FromContext(ctx).Error(err, "kubelet", "pod", key)
			k.queue.AddRateLimited(key)
		default:
			k.queue.Forget(key)
			if again > 0 {
				k.queue.AddAfter(key, again)
			}
		}
		k.queue.Done(key)
	}
}

// sync brings one Pod a step forward and says when to look again.
func (k *kubelet) sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	pod, err := k.pods.Pods(key.Namespace).Get(key.Name)
	if err != nil || pod.Spec.NodeName == "" {
		return 0, ignoreNotFound(err)
	}
	if pod.DeletionTimestamp != nil {
		return 0, k.remove(ctx, pod)
	}
	if terminal(pod) {
		return 0, nil
	}
	o := observation{now: time.Now(), started: k.startOf(pod), hostIP: hostIP}
	if o.started.IsZero() {
		o.pulls = k.pullAll(ctx, pod)
	}
	if pod.Status.PodIP == "" {
		o.podIP = k.nextAddress()
	}
	status, again := next(pod, o)
	if equality.Semantic.DeepEqual(status, pod.Status) {
		return again, nil
	}
	updated := pod.DeepCopy()
	updated.Status = status
	if _, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{}); err != nil {
		return 0, fmt.Errorf("update status: %w", err)
	}
	if status.Phase == corev1.PodRunning && o.started.IsZero() {
		k.mu.Lock()
		k.started[pod.UID] = o.now
		k.mu.Unlock()
	}
	k.report(updated)
	return again, nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// remove ends a Pod that was deleted: nothing runs, so nothing has to stop.
func (k *kubelet) remove(ctx context.Context, pod *corev1.Pod) error {
	now := int64(0)
	err := k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      &metav1.Preconditions{UID: &pod.UID},
	})
	return ignoreNotFound(err)
}

// startOf is when the Pod's containers started, or the zero time.
func (k *kubelet) startOf(pod *corev1.Pod) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.started[pod.UID]; ok {
		return t
	}
	if pod.Status.Phase == corev1.PodRunning && pod.Status.StartTime != nil {
		return pod.Status.StartTime.Time // started before this process
	}
	return time.Time{}
}

func (k *kubelet) nextAddress() string {
	n := k.addresses.Add(1)
	return fmt.Sprintf("10.244.%d.%d", n>>8&0xff, n&0xff)
}

// pullAll asks for every image of a Pod.
func (k *kubelet) pullAll(ctx context.Context, pod *corev1.Pod) map[string]pulled {
	secrets := func(host string) *authn.AuthConfig { return k.pullSecret(ctx, pod, host) }
	all := map[string]pulled{}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range containers {
			if _, asked := all[c.Image]; !asked {
				all[c.Image] = k.images.pull(ctx, c.Image, secrets)
			}
		}
	}
	return all
}

// pullSecret finds the credentials for host in the Pod's imagePullSecrets.
// Like a kubelet, it passes over Secrets that are missing or unreadable.
func (k *kubelet) pullSecret(ctx context.Context, pod *corev1.Pod, host string) *authn.AuthConfig {
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := k.client.CoreV1().Secrets(pod.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			klog.FromContext(ctx).Error(err, "kubelet: pull secret", "pod", klog.KObj(pod), "secret", ref.Name)
			continue
		}
		var config dockerConfig
		if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config); err != nil {
			klog.FromContext(ctx).Error(err, "kubelet: pull secret", "pod", klog.KObj(pod), "secret", ref.Name)
			continue
		}
		for _, server := range []string{host, "http://" + host, "https://" + host} {
			if auth, ok := config.Auths[server]; ok {
				return &auth
			}
		}
	}
	return nil
}

// report writes the Events by which people find out why a Pod does not run.
func (k *kubelet) report(pod *corev1.Pod) {
	for _, c := range pod.Status.ContainerStatuses {
		switch w := c.State.Waiting; {
		case w != nil && w.Reason == "CrashLoopBackOff":
			k.events.Event(pod, corev1.EventTypeWarning, "BackOff", w.Message)
		case w != nil && w.Message != "":
			k.events.Event(pod, corev1.EventTypeWarning, "Failed", w.Message)
		case c.State.Running != nil && !c.Ready:
			k.events.Event(pod, corev1.EventTypeWarning, "Unhealthy", "Readiness probe failed")
		}
	}
}

func terminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
