package admin_test

import (
	"slices"
	"strings"
)

func (o operation) has(status string) bool { return slices.Contains(o.statuses, status) }

// existing is the operation's path for the fixture's objects.
func (o operation) existing() string {
	binding := "b1"
	if o.method == "POST" {
		binding = "new"
	}
	return strings.NewReplacer("{service}", "s1", "{host}", "host1", "{binding}", binding).Replace(o.path)
}

// nowhere is the operation's path for objects that nobody has.
func (o operation) nowhere() string {
	return strings.NewReplacer("{service}", "nobody", "{host}", "nowhere", "{binding}", "nothing").Replace(o.path)
}

// query is one that the operation cannot understand.
func (o operation) query() string {
	if o.path == "/v1/audit" {
		return "?limit=0"
	}
	return ""
}

// kind is what the operation writes.
func (o operation) kind() string {
	switch {
	case strings.Contains(o.path, "{binding}"):
		return "binding"
	case strings.HasSuffix(o.path, "/authm"):
		return "method"
	}
	return "type"
}

// body is what the operation is sent to be answered with status: for 422 a value that cannot be, for 409
// what another object has, else something right.
func (o operation) body(r *rig, status string) string {
	uuid := func(service string) string {
		return r.must(200, "GET", "/v1/service-types/"+service, "")["uuid"].(string)
	}
	replace := func(text string, changes map[string][2]string) string {
		if c, ok := changes[status]; ok {
			return strings.Replace(text, c[0], c[1], 1)
		}
		return text
	}
	switch o.method + " " + o.kind() {
	case "POST type":
		return replace(`{"name":"new","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`,
			map[string][2]string{"409": {"new", "s1"}, "422": {"new", ""}})
	case "POST method":
		return replace(`{"host":"host2","port":1,"access_key":"k"}`, map[string][2]string{"409": {"host2", "host1"}, "422": {"1", "70000"}})
	case "POST binding":
		return replace(`{"service_uuid":"`+uuid("s1")+`","host":"host1","auth_identifier":"CN=new","unique_key":"k","auth_type":"x509"}`,
			map[string][2]string{"409": {"CN=new", "CN=1"}, "422": {"CN=new", ""}})
	case "PUT type":
		return replace(`{"name":"new"}`, map[string][2]string{"422": {"new", ""}})
	case "PUT method":
		return replace(`{"host":"host1","port":2}`, map[string][2]string{"422": {"2", "70000"}})
	case "PUT binding":
		return replace(`{"name":"new"}`, map[string][2]string{"409": {"new", "b2"}, "422": {"new", ""}})
	}
	return ""
}
