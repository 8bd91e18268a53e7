package poll

import (
	"errors"
	"hash/fnv"
	"time"

	"github.com/gennaker/gennaker/jenkins"
)

const (
	longestDelay  = 5 * time.Minute
	startingDelay = 10 * time.Second
)

// Phase gives a master its own moment within the interval, the same in every
// process, so that many masters are not asked all at once.
func Phase(master string, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	hash := fnv.New64a()
	hash.Write([]byte(master)) // never fails
	return time.Duration(hash.Sum64() % uint64(interval))
}

// Delay says how long to wait after a cycle that ended in err, the failures-th
// in a row: the interval after success; then twice as long each time, up to
// five minutes; at once five minutes where only a person can help; and what
// Jenkins asked for when it did.
func Delay(interval time.Duration, failures int, err error) time.Duration {
	if err == nil || failures <= 0 {
		return interval
	}
	longest := max(longestDelay, interval)
	var own *jenkins.Error
	if errors.As(err, &own) {
		switch own.Kind {
		case jenkins.KindStarting:
			return startingDelay
		case jenkins.KindBusy:
			return max(own.RetryAfter, interval)
		case jenkins.KindTLS, jenkins.KindUnauthorized, jenkins.KindLogin, jenkins.KindWrongAddress:
			return longest
		}
	}
	delay := interval
	for range failures - 1 {
		if delay *= 2; delay >= longest {
			return longest
		}
	}
	return delay
}

// Jitter spreads a delay by a fifth in both directions; random is in [0,1).
func Jitter(delay time.Duration, random float64) time.Duration {
	return time.Duration(float64(delay) * (0.8 + 0.4*random))
}
