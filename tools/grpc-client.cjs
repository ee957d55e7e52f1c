'use strict';
// Becomes dist/grpc.cjs: of @grpc/grpc-js what a client on a unix socket needs. The whole package holds servers, more balancers and resolvers
// besides, 0.4 MB of a daemon. The order is that of the package's own index.js: its files need each other in rings.
require('@grpc/grpc-js/build/src/channel');
const { ChannelCredentials } = require('@grpc/grpc-js/build/src/channel-credentials');
const { Client } = require('@grpc/grpc-js/build/src/client');
const { Metadata } = require('@grpc/grpc-js/build/src/metadata');
require('@grpc/grpc-js/build/src/resolver-uds').setup();
require('@grpc/grpc-js/build/src/load-balancer-pick-first').setup();

module.exports = { Client, Metadata, credentials: { createInsecure: () => ChannelCredentials.createInsecure() } };
