-- SPDX-License-Identifier: GPL-2.0-or-later
-- Fills two tables and asks them.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, note TEXT);
CREATE INDEX purchase_customer ON purchase (customer);
CREATE INDEX customer_town ON customer (town, name);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO customer SELECT i, printf('name %x', i * 2654435761 % 4294967296),
    printf('town %d', i * 7919 % 97) FROM n;
COMMIT;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO purchase SELECT i, 1 + i * 7907 % 1000, i * 31337 % 100000,
    printf('%d of %d', i, i * 17 % 1001) FROM n;
COMMIT;
SELECT town, count(*), sum(cents) FROM customer JOIN purchase ON customer.id = customer
    GROUP BY town ORDER BY 3 DESC LIMIT 10;
SELECT name, max(cents) FROM customer JOIN purchase ON customer.id = customer
    WHERE note LIKE '%7 of 1%' GROUP BY customer.id ORDER BY name LIMIT 10;
UPDATE purchase SET cents = cents + 1 WHERE customer % 3 = 0;
DELETE FROM purchase WHERE cents % 5 = 0;
SELECT count(*), sum(cents), min(note), max(note) FROM purchase;
