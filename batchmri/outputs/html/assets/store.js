// Receives the data of the index page: data/*.js call these functions.
"use strict";
const batchmri = {
  all: [],
  list: [],
  rows(rows) { for (const row of rows) this.all.push(row); },
  words(list) { this.list = list; },
};
