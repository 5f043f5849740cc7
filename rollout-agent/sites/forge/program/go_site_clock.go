package time

import "sync/atomic"

// In seconds since 1970; 0: the machine's clock.
var siteClock atomic.Int64

// SetSiteClock stops the clock that Now reads at so many seconds since 1970. What lasts is measured by the monotonic clock
// and goes on.
func SetSiteClock(seconds int64) {
	siteClock.Store(seconds)
}

func siteNow(sec int64, nsec int32) (int64, int32) {
	if seconds := siteClock.Load(); seconds != 0 {
		return seconds, 0
	}
	return sec, nsec
}
