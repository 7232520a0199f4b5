package authmethods

import "time"

// SetRetrieveTimeout makes s wait for external services no longer than d.
func SetRetrieveTimeout(s *Service, d time.Duration) { s.external.timeout = d }
