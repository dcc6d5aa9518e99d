package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// A Metric is a number that is read when /metrics is asked.
type Metric struct {
	Name    string // with the unit last, as Prometheus has it
	Help    string
	Labels  map[string]string // fixed; metrics of one name differ in the values alone
	Counter bool              // it only grows; else a gauge
	Read    func() float64
}

// metrics are labelled by route, never by a person or an address.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(more []Metric) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rekey_http_request_seconds",
			Help: "Time to answer, by route, method and status.",
			// A hash takes tens of milliseconds, a held refusal 300, a queue up to 2 s.
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .2, .35, .5, 1, 2, 5},
		}, []string{"route", "method", "status"}),
	}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, metric := range more {
		if metric.Counter {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: metric.Name, Help: metric.Help, ConstLabels: metric.Labels}, metric.Read))
		} else {
			m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metric.Name, Help: metric.Help, ConstLabels: metric.Labels}, metric.Read))
		}
	}
	return m
}

// methods are those that a route can have: some answers do not depend on there being one.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

func (m *metrics) observe(route, method string, status int, took time.Duration) {
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed || !slices.Contains(methods, method) {
		route, method = "none", "any" // what the client made up is not a label
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
