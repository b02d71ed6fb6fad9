"""DynamoDB: the ledger of videos, batches, places, lines, claims, repeats and tokens in one table."""
