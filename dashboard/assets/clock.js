// Times on a screen are the site's wall clock, sent as if that were UTC. plotly.js reads numbers on a date axis by the clock of the
// browser, wherever that stands: a viewer in another zone would see every chart shifted. So the browser's own clock is UTC here.
(function () {
  "use strict";
  const own = Date.prototype;
  for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
    own[`get${part}`] = own[`getUTC${part}`];
  }
  own.getTimezoneOffset = function () { return Number.isNaN(this.getTime()) ? NaN : 0; };
})();
