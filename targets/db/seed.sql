-- The assortment: 12 categories, 60,000 products, 40 featured ones. Every run makes
-- the same rows. Run in database shop after schema.sql:
--   psql -d shop -f seed.sql
\set ON_ERROR_STOP on
SET ROLE shop;
BEGIN;

INSERT INTO categories (name, details)
SELECT c.name, c.care || ' ' || string_agg(t.text, ' ' ORDER BY t.position)
FROM (VALUES
    ('lighting', 'Suitable for bulbs up to 11 W with an E27 base; switch off and let it cool before cleaning.'),
    ('seating', 'Carries up to 140 kg per seat; tighten all screws again after the first month of use.'),
    ('tables', 'Wipe with a damp cloth and dry at once; put a coaster under anything hot or wet.'),
    ('storage', 'Fix it to the wall with the enclosed bracket; each shelf carries up to 25 kg.'),
    ('kitchen', 'Wash by hand before the first use; not suitable for the microwave oven.'),
    ('tableware', 'Safe for the dishwasher up to 65 degrees; glazes may differ slightly from piece to piece.'),
    ('bedroom', 'Air it well before the first night; covers can be removed and washed at 40 degrees.'),
    ('bathroom', 'Keep it dry between uses; clean with a mild soap and never with chlorine.'),
    ('garden', 'Bring it indoors in winter or cover it; rain and sun will change its colour over the years.'),
    ('office', 'Keep away from direct sunlight; refills are sold separately and listed below.'),
    ('decoration', 'Handle with soft gloves; small differences in grain and colour are not a fault.'),
    ('travel', 'Fits the cabin rules of most airlines when packed normally; brush off dirt when dry.')
) AS c (name, care)
CROSS JOIN (VALUES
    (1, 'Delivery: in stock items leave our warehouse within one working day and reach you two to four working days later; large items are brought by a carrier who calls ahead to agree on a morning or an afternoon.'),
    (2, 'Delivery is free from an order value of 50; below that we charge a flat fee that is shown in your basket before you pay, whatever the number of parcels.'),
    (3, 'Returns: you may send anything back within 30 days, unused and in its packaging, without giving a reason; print the label from your account, hand the parcel in at any partner shop and we refund the price within five working days of its arrival.'),
    (4, 'Warranty: three years on the frame and on all joints, two years on moving parts, covers and electrics; keep the order number, it is all we need to help you.'),
    (5, 'Spare parts are kept for at least ten years after the last piece was sold and can be ordered by their number from the leaflet.'),
    (6, 'Materials come from suppliers who are audited every year; the share of recycled material is printed on the package, and the package itself is paper only.'),
    (7, 'Questions? Our advisers answer by chat, by mail and by telephone from eight to eight on working days, and by mail on Saturdays.')
) AS t (position, text)
GROUP BY c.name, c.care;

-- 25 adjectives x 40 materials x 60 nouns: each name occurs once. 7919 shares no
-- divisor with 60,000, so n runs through all names in an order that looks mixed.
WITH words AS (
    SELECT ARRAY[
        'Classic', 'Compact', 'Curved', 'Double', 'Foldable', 'Folding', 'Heavy', 'Jumbo',
        'Large', 'Light', 'Mini', 'Modern', 'Narrow', 'Nordic', 'Outdoor', 'Padded', 'Plain',
        'Portable', 'Robust', 'Rustic', 'Slim', 'Small', 'Soft', 'Tall', 'Wide'
    ] AS adjectives, ARRAY[
        'Acacia', 'Aluminium', 'Ash', 'Bamboo', 'Beech', 'Birch', 'Brass', 'Bronze', 'Canvas',
        'Cedar', 'Ceramic', 'Cherry', 'Copper', 'Cork', 'Cotton', 'Felt', 'Flax', 'Glass',
        'Granite', 'Hemp', 'Iron', 'Jute', 'Larch', 'Leather', 'Linen', 'Maple', 'Marble',
        'Nickel', 'Oak', 'Pewter', 'Pine', 'Porcelain', 'Rattan', 'Silk', 'Slate', 'Steel',
        'Stone', 'Velvet', 'Walnut', 'Wool'
    ] AS materials, ARRAY[
        'Lamp', 'Lantern', 'Chandelier', 'Sconce', 'Torch', 'Armchair', 'Bench', 'Chair',
        'Sofa', 'Stool', 'Desk', 'Table', 'Sideboard', 'Trolley', 'Workbench', 'Basket',
        'Bookcase', 'Cabinet', 'Chest', 'Wardrobe', 'Bowl', 'Colander', 'Kettle', 'Pan',
        'Teapot', 'Cup', 'Jug', 'Mug', 'Plate', 'Saucer', 'Bed', 'Blanket', 'Duvet', 'Mattress',
        'Pillow', 'Bathrobe', 'Dispenser', 'Soapdish', 'Towel', 'Washstand', 'Birdhouse',
        'Hammock', 'Parasol', 'Planter', 'Trellis', 'Binder', 'Inkwell', 'Letterbox',
        'Notebook', 'Penholder', 'Candlestick', 'Clock', 'Frame', 'Mirror', 'Vase', 'Backpack',
        'Holdall', 'Satchel', 'Suitcase', 'Wallet'
    ] AS nouns, ARRAY[
        'lighting', 'seating', 'tables', 'storage', 'kitchen', 'tableware', 'bedroom',
        'bathroom', 'garden', 'office', 'decoration', 'travel'
    ] AS categories, ARRAY[
        'aurora', 'birchwood', 'castell', 'dunmore', 'eastgate', 'fjord', 'greenleaf', 'harbour'
    ] AS tenants, ARRAY[
        'small flats', 'busy families', 'holiday homes', 'hotels and guest rooms', 'offices', 'first homes'
    ] AS uses
), numbered AS (
    SELECT id, (id - 1) * 7919 % 60000 AS n FROM generate_series(1, 60000) AS id
), named AS (
    SELECT id, n,
           adjectives[1 + n % 25] AS adjective,
           materials[1 + n / 25 % 40] AS material,
           nouns[1 + n / 1000] AS noun,
           categories[1 + n / 5000] AS category,
           tenants[1 + id % 8] AS tenant,
           uses[1 + id % 6] AS use
    FROM numbered, words
)
INSERT INTO products (id, sku, name, description, category, price_cents, stock, tenant, created_at)
SELECT id,
       format('%s-%s', upper(left(category, 3)), lpad(n::text, 5, '0')),
       format('%s %s %s', adjective, material, noun),
       format('A %s %s in %s, made for %s. Height %s cm, width %s cm, weight %s g. '
              'Comes assembled, with a cleaning cloth and a leaflet in twelve languages.',
              lower(adjective), lower(noun), lower(material), use,
              8 + n % 170, 6 + n % 130, 150 + n % 9000),
       category,
       499 + n * 13 % 24500,
       n * 31 % 400,
       tenant,
       timestamptz '2022-01-03 08:00:00+00' + id * interval '31 minutes'
FROM named;

INSERT INTO featured (position, product_id)
SELECT p, p * 1493 FROM generate_series(1, 40) AS p;

COMMIT;
VACUUM (ANALYZE) categories, products, featured;
