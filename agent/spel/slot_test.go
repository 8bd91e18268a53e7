package spel_test

import (
	"sync"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
)

// TestOneTreeForManyRoots: what an expression learnt from one map is never
// believed of another one, also while others evaluate it.
func TestOneTreeForManyRoots(t *testing.T) {
	engine := spel.New(spel.Config{})
	x, err := engine.Parse("'' + m.k + m['k'] + l.![k]")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ root, want string }{
		{`{"m":{"k":1},"l":[{"k":2}]}`, `"112"`},
		{`{"l":[{"x":0,"k":3},{"k":4,"x":0}],"m":{"x":0,"k":"a"}}`, `"aa3,4"`},
		{`{"m":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"k":"b"},"l":[]}`, `"bb"`},
		{`{"m":{"x":1,"y":2},"l":[{}]}`, `"nullnullnull"`},
		{`{"x":0,"m":{"x":0,"k":"c"},"l":[{"y":0,"x":0}]}`, `"ccnull"`},
	}
	var all sync.WaitGroup
	for _, tt := range tests {
		root := decode(t, tt.root)
		all.Go(func() {
			for range 200 {
				v, err := x.Eval(t.Context(), &spel.Env{Root: root})
				if got := encode(t, v); err != nil || got != tt.want {
					t.Errorf("%s: %s (%v), want %s", tt.root, got, err, tt.want)
					return
				}
			}
		})
	}
	all.Wait()
}
