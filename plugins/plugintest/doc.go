// Package plugintest is the contract of stage plugins as a test kit: it runs stages over a real gRPC connection, in
// process or as built executables, against an agent that the test scripts.
//
// A stage's own tests start the plugin in process and perform steps:
//
//	host := &plugintest.Host{Artifacts: map[string][]byte{"chart.tgz": chart}}
//	plugin := plugintest.Start(t, sdk.Plugin{Name: "bake", Stages: []sdk.Stage{bake}}, host)
//	step, err := plugin.Run(t.Context(), sdk.Request{Config: sdk.Config{"outputName": "shop"}})
//
// An executable's test builds it and runs the whole contract against it:
//
//	plugintest.Executable(t, plugintest.Build(t, "."))
package plugintest
