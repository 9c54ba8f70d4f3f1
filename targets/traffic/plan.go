package traffic

import (
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"

	"faultlab/targets/db"
)

// Routes of the shop as users see them.
const (
	Home     = "home"
	Search   = "search"
	Product  = "product"
	Basket   = "basket"
	Checkout = "checkout"
	Upload   = "upload"
)

// The versions of IP.
const (
	IPv4 = "4"
	IPv6 = "6"
)

// weighted is one value and its share in percent.
type weighted struct {
	value   string
	percent int
}

// Who the users are and what they do.
var (
	regions  = []weighted{{"us", 50}, {"eu", 30}, {"ap", 20}}
	routes   = []weighted{{Home, 29}, {Search, 38}, {Product, 27}, {Basket, 2}, {Checkout, 3}, {Upload, 1}}
	versions = []weighted{{"7.1", 60}, {"7.0", 30}, {"6.9", 10}}
	tenants  = []weighted{{"aurora", 55}, {"fjord", 20}, {"greenleaf", 15}, {"harbour", 10}}
	devices  = []weighted{{"android", 45}, {"ios", 35}, {"desktop", 20}}
	cohorts  = []weighted{{"control", 90}, {"green-button", 10}}
	ips      = []weighted{{IPv4, 60}, {IPv6, 40}}
)

// visitsPerConnection is how many requests a device sends, on average, before
// it leaves and closes its connection.
const visitsPerConnection = 20

// Request is one request of one user.
type Request struct {
	// Gap is the time since the request before, in units of the mean gap: at
	// a rate of 45 per second, a gap of 1.0 is 1/45 s.
	Gap float64
	Group
	Query     string // what is searched for, when the route is Search
	Whole     bool   // all that is found is wanted, up to a page; when the route is Search
	ProductID int64  // the product asked for, when the route is Product
	Basket    []Line // what is asked about or ordered, when the route is Basket or Checkout
	Picture   int    // how many bytes are sent, when the route is Upload
	Leaves    bool   // the device closes its connection afterwards
}

// Line is one product of an order.
type Line struct {
	ProductID int64 `json:"product_id"`
	Quantity  int   `json:"quantity"`
}

// Path is the path and query to ask for.
func (r Request) Path() string {
	switch r.Route {
	case Search:
		return "/search?q=" + url.QueryEscape(r.Query)
	case Product:
		return "/product/" + strconv.FormatInt(r.ProductID, 10)
	case Home:
		return "/"
	}
	return "/" + r.Route
}

// Plan is an endless sequence of requests. The same seed and shape give the same one.
type Plan struct {
	random *rand.Rand
	rhythm rhythm
}

// NewPlan begins the sequence of a seed.
func NewPlan(seed uint64, shape Shape) *Plan {
	return &Plan{random: rand.New(rand.NewPCG(seed, 0x5f0b_71aff1c)), rhythm: newRhythm(seed, shape)}
}

// Next gives the next request. Gaps are exponential, so arrivals are a
// Poisson process, whose rate moves as the shape says.
func (p *Plan) Next() Request {
	r := Request{
		Gap: p.rhythm.stretch(p.random.ExpFloat64()),
		Group: Group{
			Region: p.pick(regions), Route: p.pick(routes), Version: p.pick(versions),
			Tenant: p.pick(tenants), Device: p.pick(devices), Cohort: p.pick(cohorts), IP: p.pick(ips),
		},
		Leaves: p.random.IntN(visitsPerConnection) == 0,
	}
	switch r.Route {
	case Search:
		r.Query = p.query()
	case Product:
		r.ProductID = 1 + p.random.Int64N(db.Products)
	case Upload:
		r.Picture = 8<<10 + p.random.IntN(24<<10)
	case Basket, Checkout:
		// Ids that lie apart: no product comes twice.
		first := p.random.Int64N(db.Products)
		for i := range 1 + p.random.IntN(3) {
			r.Basket = append(r.Basket, Line{1 + (first+int64(i)*7919)%db.Products, 1 + p.random.IntN(2)})
		}
	}
	return r
}

// query is what somebody looks for; every material is sold as every noun.
func (p *Plan) query() string {
	material := db.Materials[p.random.IntN(len(db.Materials))]
	noun := db.Nouns[p.random.IntN(len(db.Nouns))]
	return strings.ToLower(material + " " + noun)
}

func (p *Plan) pick(from []weighted) string {
	n := p.random.IntN(100)
	for _, w := range from {
		if n -= w.percent; n < 0 {
			return w.value
		}
	}
	return from[len(from)-1].value
}
