-- Every product belongs to a known category. Checked without a long lock.
ALTER TABLE products ADD CONSTRAINT products_category_fkey
    FOREIGN KEY (category) REFERENCES categories (name) NOT VALID;
ALTER TABLE products VALIDATE CONSTRAINT products_category_fkey;
