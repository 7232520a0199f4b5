package m2m

import (
	"regexp"
	"slices"
	"strings"
)

// Preset is what is known about the ID tokens of a service. A config that names one maps the preset's claims
// only, and refuses tokens without those the service always puts in. Presets are shared: they must not be
// changed.
type Preset struct {
	Name  string
	Title string
	// Type is the type by whose rules a user is named. A config has this type, or TypeGeneric.
	Type string
	// Issuer is taken for a config without one; empty where everybody has an issuer of their own.
	Issuer string
	// Issuers are the forms an issuer may have, with placeholders in angle brackets.
	Issuers []string
	// Claims are the claims of the tokens that are strings, as Flatten names them; "x.*" stands for all whose
	// names begin with "x.".
	Claims []string
	// Required are those without which it is no token of the service.
	Required []string
	// SubjectPrefix is what every sub begins with, or empty.
	SubjectPrefix string
	// Key is the claim to begin with when writing mappings.
	Key string
	// Audience says how the service's users choose the tokens' audience.
	Audience string

	forms []*regexp.Regexp // of Issuers
}

// Presets returns the presets in the order of their names.
func Presets() []Preset { return slices.Clone(presets) }

// presets never changes.
var presets = compilePresets(append(ciPresets(), cloudPresets()...))

func compilePresets(list []Preset) []Preset {
	for i := range list {
		for _, form := range list[i].Issuers {
			list[i].forms = append(list[i].forms, issuerForm(form))
		}
	}
	slices.SortFunc(list, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func presetNamed(name string) (*Preset, bool) {
	for i := range presets {
		if presets[i].Name == name {
			return &presets[i], true
		}
	}
	return nil, false
}

func presetNames() []string {
	names := make([]string, len(presets))
	for i := range presets {
		names[i] = presets[i].Name
	}
	return names
}

// issues reports whether an issuer has one of the preset's forms.
func (p *Preset) issues(issuer string) bool {
	return slices.ContainsFunc(p.forms, func(re *regexp.Regexp) bool { return re.MatchString(issuer) })
}

// has reports whether the preset's tokens have a claim of this name.
func (p *Preset) has(claim string) bool {
	return slices.ContainsFunc(p.Claims, func(known string) bool {
		family, all := strings.CutSuffix(known, "*")
		return claim == known || all && len(claim) > len(family) && strings.HasPrefix(claim, family)
	})
}

// issuerForm makes an expression of one of Preset.Issuers. No placeholder but host and path takes a character
// that ends a host name or begins a segment.
func issuerForm(form string) *regexp.Regexp {
	const uuidForm = `[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`
	placeholders := strings.NewReplacer(
		"<host>", `[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?`, "<path>", `(/[A-Za-z0-9._~-]+)*/?`,
		"<uuid>", uuidForm, "<tenant>", uuidForm, "<label>", `[a-z0-9][a-z0-9-]*`,
		"<name>", `[A-Za-z0-9][A-Za-z0-9._-]*`, "<cluster>", `[0-9A-Z]{32}`,
	)
	var parts []string
	for form != "" {
		plain, rest, _ := strings.Cut(form, "<")
		parts = append(parts, regexp.QuoteMeta(plain))
		if rest == "" {
			break
		}
		name, after, _ := strings.Cut(rest, ">")
		parts = append(parts, placeholders.Replace("<"+name+">"))
		form = after
	}
	return regexp.MustCompile("^" + strings.Join(parts, "") + "$")
}
