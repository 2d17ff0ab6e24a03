(function () {
  "use strict";
  var tip = document.getElementById("tip");
  function place(x, y) {
    tip.hidden = false;
    var w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - w - 8)) + "px";
    tip.style.top = Math.max(8, y + 18 + h > innerHeight ? y - h - 14 : y + 18) + "px";
  }
  function add(cls, text, parent) {
    var e = document.createElement("span");
    e.className = cls;
    e.textContent = text;
    parent.appendChild(e);
    return e;
  }
  document.querySelectorAll("svg[data-px]").forEach(function (svg) {
    var px = svg.dataset.px.split("|").map(Number), xs = svg.dataset.xs.split("|");
    var cursor = svg.querySelector(".cursor"), at = -1;
    var lines = Array.prototype.map.call(svg.querySelectorAll("path[data-v]"), function (p) {
      return { name: p.dataset.name, from: Number(p.dataset.o), values: p.dataset.v.split("|"), colour: p.getAttribute("class").match(/c\d/)[0] };
    });
    function show(n, x, y) {
      at = Math.max(0, Math.min(px.length - 1, n));
      cursor.setAttribute("x1", px[at]);
      cursor.setAttribute("x2", px[at]);
      svg.classList.add("on");
      tip.textContent = "";
      add("at", xs[at], tip);
      lines.forEach(function (l) {
        var value = l.values[at - l.from];
        if (!value) return;
        var row = add("row", "", tip);
        add("swatch " + l.colour, "", row);
        add("", l.name, row);
        add("val", value, row);
      });
      place(x, y);
    }
    function hide() {
      svg.classList.remove("on");
      tip.hidden = true;
    }
    svg.addEventListener("pointermove", function (e) {
      var p = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
      var best = 0;
      px.forEach(function (v, i) { if (Math.abs(v - p.x) < Math.abs(px[best] - p.x)) best = i; });
      show(best, e.clientX, e.clientY);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", function (e) {
      var step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -1e6, End: 1e6 }[e.key];
      if (e.key === "Escape") hide();
      if (!step) return;
      e.preventDefault();
      var box = svg.getBoundingClientRect(), n = Math.max(0, Math.min(px.length - 1, at + step));
      show(n, box.left + px[n] / 520 * box.width, box.top + 20);
    });
  });
  document.querySelectorAll("table.sortable").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (th, column) {
      if (!th.textContent.trim()) return;
      var button = document.createElement("button");
      while (th.firstChild) button.appendChild(th.firstChild);
      th.appendChild(button);
      button.addEventListener("click", function () {
        var up = th.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
        table.querySelectorAll("th").forEach(function (o) { o.removeAttribute("aria-sort"); });
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        function key(row) {
          var cell = row.cells[column];
          var text = cell.dataset.s === undefined ? cell.textContent.trim() : cell.dataset.s;
          var n = text === "" ? NaN : Number(text.replace(/,/g, ""));
          return { n: n, text: text };
        }
        Array.prototype.slice.call(body.rows).map(function (row) { return { row: row, key: key(row) }; })
          .sort(function (a, b) {
            var x = a.key, y = b.key;
            var order = !isNaN(x.n) && !isNaN(y.n) ? x.n - y.n
              : isNaN(x.n) !== isNaN(y.n) ? (isNaN(x.n) ? 1 : -1) * (up ? 1 : -1)
              : x.text.localeCompare(y.text);
            return up ? order : -order;
          })
          .forEach(function (entry) { body.appendChild(entry.row); });
      });
    });
  });
  document.querySelectorAll(".command").forEach(function (box) {
    var button = document.createElement("button"), code = box.querySelector("code");
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      var range = document.createRange(), said = "Copied";
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      try { document.execCommand("copy"); } catch (e) { said = "Marked"; }
      button.textContent = said;
      setTimeout(function () { button.textContent = "Copy"; }, 1500);
    });
    box.appendChild(button);
  });
  var opened = [];
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not([open])").forEach(function (d) {
      if (d.parentElement.closest("details")) return;
      d.open = true;
      opened.push(d);
    });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (d) { d.open = false; });
    opened = [];
  });
})();
