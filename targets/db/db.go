// Package db holds the shop's database: its roles, its schema and the
// statements that fill it with the same 60,000 products each time.
package db

import "embed"

// Files are the SQL files, to be given to psql in the order of Order.
//
// roles.sql wants a superuser and the psql variables shop_password, shipping_password,
// reports_password, replica_password and grader_password; schema.sql and seed.sql run in the
// database shop.
//
//go:embed roles.sql schema.sql seed.sql
var Files embed.FS

// Order lists the names in Files in the order in which they have to run.
var Order = []string{"roles.sql", "schema.sql", "seed.sql"}

// Products is the number of products; their ids are 1 to Products.
const Products = 60_000
