module github.com/authgate/authgate/bench/peers/caddy-security

go 1.26.0

require github.com/greenpau/caddy-security v1.1.31
