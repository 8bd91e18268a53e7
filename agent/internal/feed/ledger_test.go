package feed

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLedgerFindsChanges(t *testing.T) {
	now := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name          string
		known, listed map[string]string
		want          []Change
		// settled is what is known afterwards; nil: what was.
		settled map[string]string
	}{
		{name: "nothing new", known: map[string]string{"1": "a"}, listed: map[string]string{"1": "a"}},
		{name: "a new one", known: map[string]string{"1": "a"}, listed: map[string]string{"1": "a", "2": "b"}, want: []Change{{Name: "2", Digest: "b"}}},
		{name: "a list without digests", known: map[string]string{"1": "a"}, listed: map[string]string{"1": "", "2": ""}, want: []Change{{Name: "2"}}},
		{name: "another digest", known: map[string]string{"1": "a"}, listed: map[string]string{"1": "b"}, want: []Change{{Name: "1", Digest: "b", Earlier: "a"}}},
		{name: "a digest that was not known is taken over", known: map[string]string{"1": ""}, listed: map[string]string{"1": "a"}, settled: map[string]string{"1": "a"}},
		{name: "an empty list", known: map[string]string{"1": "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ledger := &Ledger{Known: c.known}
			if diff := cmp.Diff(c.want, ledger.Compare(c.listed, now)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if c.settled != nil {
				if diff := cmp.Diff(c.settled, ledger.Known); diff != "" {
					t.Errorf("known (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestLedgerRemembersWhatIsNoLongerListed(t *testing.T) {
	ledger := &Ledger{Known: map[string]string{"1": "a", "2": "b"}}
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	all, one := map[string]string{"1": "a", "2": "b"}, map[string]string{"1": "a"}
	ledger.Compare(one, now)
	state := stored(t, ledger)
	if ledger = reopened(t, state); len(ledger.Compare(one, now.Add(29*24*time.Hour))) != 0 {
		t.Error("a change")
	}
	if state, err := ledger.Close(); state != nil || err != nil {
		t.Errorf("nothing has changed, yet there is a state %s, %v", state, err)
	}
	if changes := ledger.Compare(all, now); len(changes) != 0 {
		t.Errorf("what came back is news: %v", changes)
	}
	ledger.Compare(one, now)
	ledger.Compare(one, now.Add(30*24*time.Hour))
	if diff := cmp.Diff([]Change{{Name: "2", Digest: "b"}}, ledger.Compare(all, now)); diff != "" {
		t.Errorf("after a month (-want +got):\n%s", diff)
	}
}

func stored(t *testing.T, ledger *Ledger) []byte {
	t.Helper()
	state, err := ledger.Close()
	if err != nil || state == nil {
		t.Fatalf("state %s, %v", state, err)
	}
	return state
}

func reopened(t *testing.T, state []byte) *Ledger {
	t.Helper()
	ledger, err := OpenLedger(state)
	if err != nil {
		t.Fatal(err)
	}
	return ledger
}

func TestLedgerThatCannotBeRead(t *testing.T) {
	if _, err := OpenLedger([]byte(`{"known": 1}`)); err == nil || !strings.HasPrefix(err.Error(), "what was stored of it cannot be read: ") {
		t.Errorf("error %v", err)
	}
}

func TestNamesInOrder(t *testing.T) {
	want := []string{"", "1", "1.2", "1.9", "1.9-rc1", "1.9-rc02", "1.9-rc10", "1.10", "9", "10", "18446744073709551616", "a", "a1", "b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareNames)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzCompareNames(f *testing.F) {
	f.Add("1.9", "1.10", "1.9-rc1")
	f.Add("", "0", "00")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if sign(CompareNames(a, b)) != -sign(CompareNames(b, a)) {
			t.Errorf("%q and %q are not in one order", a, b)
		}
		if CompareNames(a, b) <= 0 && CompareNames(b, c) <= 0 && CompareNames(a, c) > 0 {
			t.Errorf("%q, %q, %q are in no order", a, b, c)
		}
	})
}

func sign(n int) int { return max(-1, min(1, n)) }
