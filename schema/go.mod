module github.com/ristmik/ristmik/schema

go 1.26.0
