package spinnaker

import "time"

// Millis is a time as Spinnaker writes it: milliseconds since 1970 UTC. Zero means "not set" and is left out.
type Millis int64

// MillisOf converts t; the zero time becomes 0.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time converts m to UTC; 0 becomes the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}
