"""A client of a largesse server.

A `Call` is a request and how its answer is read. The modules `tenants`, `keys`, `campaigns`,
`customers`, `claims`, `draws`, `incentives`, `audit` and `test_clock` make them; `blocking.Client`
and `asynchronous.AsyncClient` ask them of a server. Importing one of these brings in no server.
"""
