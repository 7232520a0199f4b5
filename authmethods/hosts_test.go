package authmethods

import "testing"

func TestNormalHost(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"plain", "api.corp", "api.corp"},
		{"P8_case", "API.Corp", "api.corp"},
		{"P8_trailing_dot", "api.corp.", "api.corp"},
		{"only_one_dot", "api.corp..", "api.corp."},
		{"ipv4", "127.0.0.1", "127.0.0.1"},
		{"ipv6", "::1", "::1"},
		{"ipv6_brackets", "[::1]", "::1"},
		{"ipv6_long_form", "[0:0:0:0:0:0:0:1]", "::1"},
		{"ipv6_case", "FE80::A", "fe80::a"},
		{"mapped_ipv4", "::ffff:10.0.0.1", "10.0.0.1"},
		{"name_with_port_stays", "api.corp:9000", "api.corp:9000"},
		{"empty", "", ""},
		{"dot", ".", ""},
		{"brackets_only", "[]", "[]"},
		{"non_ascii_untouched", "ÄPI", "Äpi"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := normalHost(tt.in); got != tt.want {
				t.Errorf("normalHost(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"localhost.evil.example": false, "10.0.0.1": false, "0.0.0.0": false, "": false, "127.0.0.1.example": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("loopback(%q) = %v, want %v", host, got, want)
		}
	}
}
