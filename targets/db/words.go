package db

// Adjectives are the first words of product names, as in seed.sql.
var Adjectives = []string{
	"Classic", "Compact", "Curved", "Double", "Foldable", "Folding", "Heavy", "Jumbo", "Large",
	"Light", "Mini", "Modern", "Narrow", "Nordic", "Outdoor", "Padded", "Plain", "Portable", "Robust",
	"Rustic", "Slim", "Small", "Soft", "Tall", "Wide",
}

// Materials are the second words of product names, as in seed.sql.
var Materials = []string{
	"Acacia", "Aluminium", "Ash", "Bamboo", "Beech", "Birch", "Brass", "Bronze", "Canvas", "Cedar",
	"Ceramic", "Cherry", "Copper", "Cork", "Cotton", "Felt", "Flax", "Glass", "Granite", "Hemp",
	"Iron", "Jute", "Larch", "Leather", "Linen", "Maple", "Marble", "Nickel", "Oak", "Pewter", "Pine",
	"Porcelain", "Rattan", "Silk", "Slate", "Steel", "Stone", "Velvet", "Walnut", "Wool",
}

// Nouns are the last words of product names, as in seed.sql: five for each
// category. Every material is sold as every noun, once for each adjective.
var Nouns = []string{
	"Lamp", "Lantern", "Chandelier", "Sconce", "Torch", "Armchair", "Bench", "Chair", "Sofa", "Stool",
	"Desk", "Table", "Sideboard", "Trolley", "Workbench", "Basket", "Bookcase", "Cabinet", "Chest",
	"Wardrobe", "Bowl", "Colander", "Kettle", "Pan", "Teapot", "Cup", "Jug", "Mug", "Plate", "Saucer",
	"Bed", "Blanket", "Duvet", "Mattress", "Pillow", "Bathrobe", "Dispenser", "Soapdish", "Towel",
	"Washstand", "Birdhouse", "Hammock", "Parasol", "Planter", "Trellis", "Binder", "Inkwell",
	"Letterbox", "Notebook", "Penholder", "Candlestick", "Clock", "Frame", "Mirror", "Vase",
	"Backpack", "Holdall", "Satchel", "Suitcase", "Wallet",
}
