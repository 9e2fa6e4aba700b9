#!/usr/bin/env node
import "../dist/examples/main.js";
