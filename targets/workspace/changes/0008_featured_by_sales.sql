-- Reports write the list of featured products, from 1.1.0 on.
GRANT SELECT, INSERT, TRUNCATE ON featured TO reports;
