module github.com/authgate/authgate/bench

go 1.26.0
