package etcdembed

import "context"

// Maintain runs one round of maintenance now.
func (s *Server) Maintain(ctx context.Context, worthwhile int64) error {
	return s.maintainOnce(ctx, worthwhile)
}
