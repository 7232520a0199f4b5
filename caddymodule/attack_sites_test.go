package caddymodule_test

// attackGlobal is the global block of the attack gateway.
const attackGlobal = `
	servers 127.0.0.1:$HTTP {
		max_header_size 64KB
	}
	servers 127.0.0.1:$LOOSE {
		expected_underscore_headers X_User_Id X-User_Id X_User-Id X_Api_Key X_Auth_Subject X_Auth-Roles Remote_User Ssl_Client_Cert X_User.Id X_Forwarded_For
		expected_dot_headers X.User.Id X.Api.Key X-Auth.Subject X.Forwarded.Client.Cert
	}
	servers 127.0.0.1:$TRUSTED {
		trusted_proxies static 127.0.0.1/32
		expected_underscore_headers X_Forwarded_For X_Forwarded_Host X_Forwarded_Proto
	}
	authgate {
		issuer main {
			url $IDP
			audience https://gate.example
			algorithms ES256
			allow_private_addresses
		}
		issuer other {
			url $OTHER
			audience https://gate.example
			algorithms ES256
			allow_private_addresses
		}
		service_type api {
			type ams
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.1
		}
		auth_method api $API {
			access_key $APIKEY
		}
		service_type svc {
			type web-api
			auth_method headers
			auth_types oidc
			hosts 127.0.0.2
		}
		auth_method svc $SVC {
			header Authorization "Bearer $SVCTOKEN"
			header X-User-Id $SVCUSER
		}
		service_type query {
			type custom
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.3
		}
		auth_method query $QUERY {
			access_key $QUERYKEY
		}
		service_defaults custom {
			placement query key
		}
		service_type second {
			type ams
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.5 127.0.0.7 127.0.0.10 192.0.2.1
		}
		auth_method second $SECOND {
			access_key $SECONDKEY
		}
		auth_method second $SECURE {
			access_key $SECONDKEY
		}
		auth_method second $H2C {
			access_key $SECONDKEY
		}
		auth_method second 192.0.2.1:80 {
			access_key $SECONDKEY
		}
		service_type left {
			type ams
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.8
		}
		auth_method left $AMBIGUOUS {
			access_key left-$SECONDKEY
		}
		service_type right {
			type ams
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.8
		}
		auth_method right $AMBIGUOUS {
			access_key right-$SECONDKEY
		}
		service_type empty {
			type ams
			auth_method api-key
			auth_types oidc
			hosts 127.0.0.9
		}
	}`

// attackSites are its sites. Names say what an attack is about.
const attackSites = `
(api) {
	authgate
	reverse_proxy $API {
		transport authgate
	}
}
(plain) {
	reverse_proxy $PLAIN {
		transport authgate
	}
}
http://api.test:$HTTP, http://api.test:$LOOSE {
	import api
}
http://anon.test:$HTTP, http://anon.test:$LOOSE {
	authgate {
		anonymous
	}
	reverse_proxy $API {
		transport authgate
	}
}
http://svc.test:$HTTP, http://svc.test:$LOOSE {
	authgate
	reverse_proxy $SVC {
		transport authgate
	}
}
http://query.test:$HTTP {
	authgate
	reverse_proxy $QUERY {
		transport authgate
	}
}
http://plain.test:$HTTP, http://plain.test:$LOOSE, http://plain.test:$TRUSTED, $MANY {
	authgate
	import plain
}
http://direct.test:$LOOSE, http://direct.test:$TRUSTED {
	reverse_proxy $PLAIN
}
http://options.test:$HTTP {
	@preflight method OPTIONS
	@rest not method OPTIONS
	authgate @preflight {
		anonymous
	}
	authgate @rest
	import plain
}
http://custom.test:$HTTP {
	authgate {
		identity_headers X-Caller-
	}
	import plain
}
http://off.test:$HTTP {
	authgate {
		identity_headers off
	}
	import plain
}
http://pass.test:$HTTP {
	authgate {
		pass_token
	}
	import plain
}
http://pass-svc.test:$HTTP {
	authgate {
		pass_token
	}
	reverse_proxy $SVC {
		transport authgate
	}
}
http://echo.test:$HTTP {
	authgate
	header {
		defer
		X-Who {http.auth.user.id}
		X-Claim {http.auth.user.note}
	}
	respond "id={http.auth.user.id} issuer={http.auth.user.issuer} roles={http.auth.user.roles} scopes={http.auth.user.scopes} groups={http.auth.user.groups} absent={http.auth.user.absent}"
}
http://claim-up.test:$HTTP {
	authgate
	reverse_proxy $PLAIN {
		header_up X-Note {http.auth.user.note}
		header_up X-Absent {http.auth.user.absent}
		transport authgate
	}
}
http://roles.test:$HTTP {
	authgate {
		require role Deployer Owner
	}
	import plain
}
http://scopes.test:$HTTP {
	authgate {
		require scope user:info
		require scope write
	}
	import plain
}
http://claims.test:$HTTP {
	authgate {
		require claim repository acme/app
	}
	import plain
}
http://main.test:$HTTP {
	authgate {
		issuers main
	}
	import plain
}
http://other.test:$HTTP {
	authgate {
		issuers other
	}
	import plain
}
http://paths.test:$HTTP {
	@admin path /admin /admin/*
	@private path /private /private/*
	handle /public/* {
		authgate {
			anonymous
		}
		import plain
	}
	handle @admin {
		authgate {
			require role Admin
		}
		import plain
	}
	handle @private {
		authgate
		import plain
	}
	handle /lenient/* {
		authgate {
			allow_encoded_paths
		}
		import plain
	}
	handle {
		reverse_proxy $API {
			transport authgate
		}
	}
}
http://rewrite.test:$HTTP {
	handle_path /strip/* {
		authgate
		import plain
	}
	handle /prefix/* {
		uri strip_prefix /prefix
		authgate
		import plain
	}
	handle /fixed/* {
		rewrite * /clean
		authgate
		import plain
	}
	handle /after/* {
		route {
			authgate
			rewrite * /moved
			request_header Host $SECOND
			reverse_proxy $API {
				header_up Host $SECOND
				header_up X-Forwarded-Host $SECOND
				transport authgate
			}
		}
	}
	handle {
		respond "no such path" 404
	}
}
http://stack.test:$HTTP {
	route /both/* {
		authgate
		authgate {
			require role Admin
		}
		import plain
	}
	route /anonymous-first/* {
		authgate {
			anonymous
		}
		authgate {
			require role Admin
		}
		import plain
	}
	route /anonymous-last/* {
		authgate {
			require role Admin
		}
		authgate {
			anonymous
		}
		import plain
	}
	handle_errors {
		reverse_proxy $API {
			transport authgate
		}
	}
}
http://handler-only.test:$HTTP {
	authgate
	reverse_proxy $API
}
http://transport-only.test:$HTTP {
	reverse_proxy $API {
		transport authgate
	}
}
http://errors.test:$HTTP {
	authgate
	reverse_proxy $DEAD {
		transport authgate
	}
	handle_errors {
		authgate {
			anonymous
		}
		reverse_proxy $ERRORS {
			transport authgate
		}
	}
}
http://errors-bare.test:$HTTP {
	authgate
	reverse_proxy $DEAD {
		transport authgate
	}
	handle_errors {
		reverse_proxy $API {
			transport authgate
		}
	}
}
http://response.test:$HTTP {
	reverse_proxy $PLAIN {
		@missing status 404
		handle_response @missing {
			reverse_proxy $API {
				transport authgate
			}
		}
	}
}
http://response-checked.test:$HTTP {
	authgate
	reverse_proxy $PLAIN {
		@missing status 404
		handle_response @missing {
			reverse_proxy $API {
				transport authgate
			}
		}
		transport authgate
	}
}
http://body.test:$HTTP {
	request_body {
		max_size 1KB
	}
	authgate
	import plain
}
http://secure.test:$HTTP {
	authgate
	reverse_proxy https://$SECURE {
		transport authgate {
			tls_trust_pool file $CA
		}
	}
}
http://unix.test:$HTTP {
	authgate
	reverse_proxy unix/$UNIX {
		transport authgate
	}
}
http://h2c.test:$HTTP {
	authgate
	reverse_proxy h2c://$H2C {
		transport authgate
	}
}
http://retry.test:$HTTP {
	authgate
	reverse_proxy $SECOND $API {
		lb_policy first
		lb_try_duration 20s
		fail_duration 60s
		transport authgate
	}
}
http://health.test:$HTTP {
	authgate
	reverse_proxy $SECOND {
		health_uri /health
		health_interval 100ms
		health_headers {
			X-Case health
		}
		transport authgate
	}
}
http://typed.test:$HTTP {
	authgate
	reverse_proxy $PLAIN {
		transport authgate {
			service_type api
		}
	}
}
http://empty.test:$HTTP {
	authgate
	reverse_proxy $EMPTY {
		transport authgate
	}
}
http://ambiguous.test:$HTTP {
	authgate
	reverse_proxy $AMBIGUOUS {
		transport authgate
	}
}
http://named.test:$HTTP {
	authgate
	reverse_proxy $AMBIGUOUS {
		transport authgate {
			service_type right
		}
	}
}
http://remote.test:$HTTP {
	authgate
	reverse_proxy 192.0.2.1:80 {
		transport authgate
	}
}
https://api.tls.test:$TLS {
	tls $CERT $KEY
	import api
}
https://mtls.tls.test:$TLS {
	tls $CERT $KEY {
		client_auth {
			mode require_and_verify
			trust_pool file $CA
		}
	}
	import api
}
http://:$HTTP, http://:$LOOSE {
	respond "no such host here" 421
}
`
