package caddymodule

import (
	"errors"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

type count struct {
	label string
	value *atomic.Uint64
}

// requests are what the handler decided, upstream what the transport did. The labels are closed sets.
func (c *counters) requests() []count {
	return []count{
		{"allowed", &c.allowed}, {"anonymous", &c.anonymous}, {"unauthenticated", &c.unauthenticated},
		{"denied", &c.denied}, {"malformed", &c.malformed}, {"unavailable", &c.unavailable},
	}
}

func (c *counters) upstream() []count {
	return []count{{"attached", &c.attached}, {"nothing_stored", &c.passed}, {"unbound", &c.unbound}, {"failed", &c.failed}, {"headers_scrubbed", &c.scrubbed}}
}

// collector shows the totals of a backend, which outlive the registry: Caddy makes a new one at each load.
type collector struct {
	backend                               *backend
	requests, upstream, fresh, cachedKeys *prometheus.Desc
}

func newCollector(b *backend) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("caddy_authgate_"+name, help, labels, nil)
	}
	return &collector{
		backend:    b,
		requests:   desc("requests_total", "Requests by what the gateway decided.", "outcome"),
		upstream:   desc("upstream_credentials_total", "Upstream requests by what became of their credential.", "outcome"),
		fresh:      desc("store_fresh", "1 while the watch on the store keeps the caches true, else 0."),
		cachedKeys: desc("cached_tokens", "Verified tokens in memory."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, n := range c.backend.counts.requests() {
		ch <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(n.value.Load()), n.label)
	}
	for _, n := range c.backend.counts.upstream() {
		ch <- prometheus.MustNewConstMetric(c.upstream, prometheus.CounterValue, float64(n.value.Load()), n.label)
	}
	fresh := 0.0
	if c.backend.feed.Status().Fresh {
		fresh = 1
	}
	ch <- prometheus.MustNewConstMetric(c.fresh, prometheus.GaugeValue, fresh)
	ch <- prometheus.MustNewConstMetric(c.cachedKeys, prometheus.GaugeValue, float64(c.backend.tokens.Stats().Entries))
}

func (a *App) registerMetrics(ctx caddy.Context) error {
	err := ctx.GetMetricsRegistry().Register(newCollector(a.backend))
	if errors.As(err, &prometheus.AlreadyRegisteredError{}) {
		return nil // the app was provisioned twice for one configuration
	}
	return err
}
