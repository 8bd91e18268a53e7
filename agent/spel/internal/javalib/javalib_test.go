package javalib_test

import (
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel/internal/javalib"
)

// The numbers are those of java.util.Random.
func TestRandom(t *testing.T) {
	r := javalib.NewRandom(42)
	if a, b, c := r.Intn(100), r.Int(), r.Long(); a != 30 || b != 234785527 || c != -5843495416241995736 {
		t.Errorf("got %d, %d, %d", a, b, c)
	}
	r = javalib.NewRandom(0)
	if a, b, c := r.Double(), r.Bool(), r.Float(); a != 0.730967787376657 || b || c != 0.6063452 {
		t.Errorf("got %v, %v, %v", a, b, c)
	}
	r = javalib.NewRandom(7)
	for range 1000 {
		if n := r.IntBetween(-3, 4); n < -3 || n >= 4 {
			t.Fatalf("%d is not between -3 and 4", n)
		}
		if n := r.LongBetween(-1<<62, 1<<62); n < -1<<62 || n >= 1<<62 {
			t.Fatalf("%d is out of bounds", n)
		}
	}
}

func TestDateFormat(t *testing.T) {
	at := time.Date(2024, 2, 9, 0, 5, 7, 45e6, time.UTC)
	for pattern, want := range map[string]string{
		"yyyy-MM-dd'T'HH:mm:ss.SSSXXX": "2024-02-09T00:05:07.045Z",
		"EEE, d MMM yyyy":              "Fri, 9 Feb 2024",
		"EEEE MMMM":                    "Friday February",
		"hh h KK K kk k a":             "12 12 00 0 24 24 AM",
		"D w W F u":                    "40 6 2 2 5",
		"yy y YYYY G z zzzz Z":         "24 2024 2024 AD UTC Coordinated Universal Time +0000",
		"''yyyy'' 'o''clock'":          "'2024' o'clock",
	} {
		f, err := javalib.NewDateFormat(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		} else if got := f.Format(at); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
	for _, pattern := range []string{"yyyy-bb", "'open", "XXXX"} {
		if _, err := javalib.NewDateFormat(pattern); err == nil {
			t.Errorf("%s: no error", pattern)
		}
	}
}

func TestParseDate(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ pattern, text, want string }{
		{"yyyy-MM-dd", "2024-02-30 and more", "2024-03-01T00:00:00Z"},
		{"yyyyMMddHHmmss", "20240229235958", "2024-02-29T23:59:58Z"},
		{"yy-M-d", "44-1-2", "1944-01-02T00:00:00Z"},
		{"yy-M-d", "43-1-2", "2043-01-02T00:00:00Z"},
		{"d MMM yyyy h:mm a Z", "9 feb 2024 12:30 PM +0130", "2024-02-09T11:00:00Z"},
		{"EEEE, MMMM d, yyyy z", "Friday, February 9, 2024 GMT-05:00", "2024-02-09T05:00:00Z"},
		{"yyyy D", "2024 60", "2024-02-29T00:00:00Z"},
	} {
		f, err := javalib.NewDateFormat(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Parse(tt.text, now); err != nil || got.Format(time.RFC3339) != tt.want {
			t.Errorf("%q as %q: %v (%v), want %s", tt.text, tt.pattern, got, err, tt.want)
		}
	}
	f, err := javalib.NewDateFormat("yyyy-MM-dd")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "2024", "2024/01/02", "x-1-2"} {
		if _, err := f.Parse(text, now); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestReadProperties(t *testing.T) {
	const text = "# comment\n! comment\n\n  a = 1\nb:2\nc 3\nd\\ e=x\\ty\\u00e9\nlong=one,\\\n    two,\\\r\n  three\nempty=\nalone\r\nk\\=v:w\nemoji=\\ud83d\\ude00"
	got, err := javalib.ReadProperties(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []javalib.Property{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d e", "x\tyé"}, {"long", "one,two,three"}, {"empty", ""}, {"alone", ""}, {"k=v", "w"}, {"emoji", "😀"}}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
	if _, err := javalib.ReadProperties("a=\\u12"); err == nil {
		t.Error("a short escape is no error")
	}
}
