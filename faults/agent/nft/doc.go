// Package nft makes nftables tables that vanish with the process that made them.
package nft
