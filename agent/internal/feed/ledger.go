package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// maxAppearing is how many things an item that held nothing so far may come with. More were there already and could not
// be seen: they are no news.
const maxAppearing = 10

// remember is how long a thing that is no longer listed stays known: a list that was incomplete for a while does not make
// everything new.
const remember = 30 * 24 * time.Hour

// Ledger is what a feed remembers of an item that lists things by name, each standing for some content: tags and their
// images, versions of charts and their archives.
type Ledger struct {
	// Known are the things that were seen, with their digests; "" where that is not known.
	Known map[string]string `json:"known"`
	// Gone are those of them that are no longer listed, with the day on which that was seen first.
	Gone map[string]int64 `json:"gone,omitempty"`
	// Serial numbers what was announced, so that a thing that comes back to an earlier content is news all the same.
	Serial int64 `json:"serial,omitempty"`

	changed bool
}

// Change is a thing that is new or stands for something else than before.
type Change struct {
	Name string
	// Digest is what it stands for now, "" where the list does not say; Earlier what it stood for, "" when it is new.
	Digest, Earlier string
}

// OpenLedger reads what Close wrote; nil gives an empty one.
func OpenLedger(state []byte) (*Ledger, error) {
	l := &Ledger{}
	if state != nil {
		if err := json.Unmarshal(state, l); err != nil {
			return nil, fmt.Errorf("what was stored of it cannot be read: %w", err)
		}
	}
	if l.Known == nil {
		l.Known = map[string]string{}
	}
	return l, nil
}

// Close returns the state to store, nil when nothing has changed.
func (l *Ledger) Close() ([]byte, error) {
	if !l.changed {
		return nil, nil
	}
	return json.Marshal(l)
}

// Compare takes a complete list, from names to digests, and returns what differs from what is known. A digest that was not
// known so far is taken over and is no change. Nothing else is: Settle does that.
func (l *Ledger) Compare(listed map[string]string, now time.Time) []Change {
	var changes []Change
	for name, digest := range listed {
		earlier, known := l.Known[name]
		switch {
		case !known:
			changes = append(changes, Change{Name: name, Digest: digest})
		case earlier == "" && digest != "":
			l.Settle(name, digest)
		case digest != "" && digest != earlier:
			changes = append(changes, Change{Name: name, Digest: digest, Earlier: earlier})
		}
	}
	l.age(listed, now)
	return changes
}

// age notes what is no longer listed, and forgets what has not been for long.
func (l *Ledger) age(listed map[string]string, now time.Time) {
	today := now.Unix() / (24 * 3600)
	for name := range l.Known {
		_, there := listed[name]
		since, gone := l.Gone[name]
		switch {
		case there && gone:
			delete(l.Gone, name)
		case there || gone && today-since < int64(remember/(24*time.Hour)):
			continue
		case gone:
			delete(l.Gone, name)
			delete(l.Known, name)
		default:
			if l.Gone == nil {
				l.Gone = map[string]int64{}
			}
			l.Gone[name] = today
		}
		l.changed = true
	}
}

// Appears says that there was nothing before and is too much now to be new.
func (l *Ledger) Appears(listed int) bool { return len(l.Known) == 0 && listed > maxAppearing }

// Settle makes a thing known with what it stands for.
func (l *Ledger) Settle(name, digest string) {
	if earlier, known := l.Known[name]; known && earlier == digest {
		return
	}
	l.Known[name] = digest
	l.changed = true
}

// Start makes the state worth storing even if there is nothing to remember: the next look is no longer the first.
func (l *Ledger) Start() { l.changed = true }

// Number returns the next serial number.
func (l *Ledger) Number() int64 {
	l.changed = true
	l.Serial++
	return l.Serial
}

// CompareNames orders names as people number them: "1.9" comes before "1.10".
func CompareNames(a, b string) int {
	for a != "" && b != "" {
		x, restA := leading(a)
		y, restB := leading(b)
		if c := compareParts(x, y); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return strings.Compare(a, b)
}

// leading splits off the digits that a text begins with, or all up to the next digit.
func leading(text string) (part, rest string) {
	digits := isDigit(text[0])
	for i := range len(text) {
		if isDigit(text[i]) != digits {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// compareParts compares two numbers by value, anything else by its text. Numbers may have any length.
func compareParts(a, b string) int {
	if !isDigit(a[0]) || !isDigit(b[0]) {
		return strings.Compare(a, b)
	}
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}
