package token

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// maintainEvery is how often Run looks whether something is due.
const maintainEvery = time.Minute

// Run calls Maintain at once, and then every minute or so until ctx ends. Failures are logged and tried
// again. Every replica should Run, for as long as its configuration lasts.
func (k *Keys) Run(ctx context.Context) {
	for {
		if err := k.Maintain(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("signing keys cannot be maintained", zap.Error(err))
		}
		pause := time.NewTimer(maintainEvery/2 + rand.N(maintainEvery)) // apart from the other replicas
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}
