module.exports = require('./texts.js');
