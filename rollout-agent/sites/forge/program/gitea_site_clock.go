package common

import (
	"net/http"
	"os"
	"strconv"
	"time"
)

func init() {
	setSiteClock(os.Getenv("SITE_CLOCK"))
}

// siteClock has everything that a request does happen at the time that the request names.
func siteClock(next http.Handler) http.Handler {
	return http.HandlerFunc(func(resp http.ResponseWriter, req *http.Request) {
		setSiteClock(req.Header.Get("Site-Clock"))
		next.ServeHTTP(resp, req)
	})
}

// What names none (the seed, and Gitea itself) leaves the clock as it is.
func setSiteClock(seconds string) {
	if parsed, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		time.SetSiteClock(parsed)
	}
}
