package manifest

// builtinKind is a row of the table of known kinds.
type builtinKind struct {
	Kind
	aliases []string
}

// builtinKinds is the table of known kinds (clouddriver-kubernetes op/handler/*Handler.java).
func builtinKinds() []builtinKind {
	row := func(name string, priority int, class string, aliases ...string) builtinKind {
		return builtinKind{Kind: Kind{Name: name, Priority: priority, Namespaced: true, Class: class}, aliases: aliases}
	}
	clusterWide := func(b builtinKind) builtinKind { b.Namespaced = false; return b }
	versioned := func(b builtinKind) builtinKind { b.Versioned = true; return b }
	scales := func(b builtinKind) builtinKind { b.Scales = true; return b }
	traffic := func(b builtinKind) builtinKind { b.TakesTraffic = true; return b }
	refused := func(b builtinKind, why string) builtinKind { b.refusal = why; return b }

	const (
		unclassified   = "unclassified"
		configs        = "configs"
		loadBalancers  = "loadBalancers"
		securityGroups = "securityGroups"
		managers       = "serverGroupManagers"
		serverGroups   = "serverGroups"
		instances      = "instances"
	)
	return []builtinKind{
		clusterWide(row("namespace", 0, unclassified, "ns")),
		row("role", 20, unclassified),
		clusterWide(row("clusterRole", 20, unclassified)),
		row("roleBinding", 30, unclassified),
		clusterWide(row("clusterRoleBinding", 30, unclassified)),
		clusterWide(row("customResourceDefinition", 30, unclassified, "crd")),
		row("serviceAccount", 40, unclassified, "sa"),
		clusterWide(row("storageClass", 40, unclassified, "sc")),
		clusterWide(row("mutatingWebhookConfiguration", 40, unclassified)),
		clusterWide(row("validatingWebhookConfiguration", 40, unclassified)),
		clusterWide(row("persistentVolume", 40, configs, "pv")),
		versioned(row("configMap", 50, configs, "cm")),
		versioned(row("secret", 50, configs)),
		row("persistentVolumeClaim", 50, configs, "pvc"),
		row("service", 70, loadBalancers, "svc"),
		row("ingress", 70, loadBalancers),
		row("networkPolicy", 70, securityGroups, "netpol"),
		clusterWide(row("apiService", 80, unclassified)),
		row("limitRange", 90, unclassified),
		row("podDisruptionBudget", 90, unclassified),
		row("podPreset", 90, unclassified),
		clusterWide(row("podSecurityPolicy", 90, unclassified)),
		traffic(scales(row("deployment", 100, managers, "deploy"))),
		versioned(traffic(scales(row("replicaSet", 100, serverGroups, "rs")))),
		traffic(scales(row("statefulSet", 100, serverGroups))),
		traffic(row("daemonSet", 100, serverGroups, "ds")),
		traffic(row("job", 100, serverGroups)),
		traffic(row("cronJob", 100, serverGroups)),
		versioned(traffic(row("pod", 100, instances, "po"))),
		row("horizontalpodautoscaler", 110, unclassified, "hpa"),
		refused(row("controllerRevision", unknownPriority, unclassified), "Controller revisions cannot be deployed."),
		refused(row("event", unknownPriority, unclassified), "Events cannot be deployed."),
	}
}
