// What a page does without asking the server: keeps filters in the address, closes the panel, prints, moves the focus.
(function () {
  "use strict";
  function close() {
    var details = document.getElementById("details");
    if (details && details.className === "open") {
      window.dash_clientside.set_props("details", { className: "closed" });
      window.dash_clientside.set_props("list", { selectedRows: [] });
      var grid = document.querySelector("#list .ag-cell-focus") || document.getElementById("summary");
      if (grid) { grid.focus(); }
    }
  }
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target.closest("[data-closes], #print") : null;
    if (!target) { return; }
    if (target.id === "print") { window.print(); } else { close(); }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { close(); }
  });
  document.addEventListener("submit", function (event) { event.preventDefault(); }, true);

  // What Dash leaves out for keyboards and screen readers: dropdowns have an input beside their button that is hidden
  // and yet on the way of the Tab key; thumbs and inputs of sliders have no name.
  new MutationObserver(function () {
    document.querySelectorAll(".dash-dropdown-focus-target[tabindex='0']").forEach(function (input) {
      input.setAttribute("tabindex", "-1");
    });
    document.querySelectorAll(".slider [role='group'][aria-labelledby]").forEach(function (group) {
      group.querySelectorAll("[role='slider']:not([aria-labelledby]), input:not([aria-labelledby])").forEach(function (part) {
        part.setAttribute("aria-labelledby", group.getAttribute("aria-labelledby"));
      });
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  // The map is asked for once the list has been painted; its grid comes as a script of its own.
  function afterTheList() {
    if (!document.getElementById("page-monday")) { return; }
    if (document.querySelector("#list .ag-row, #list .ag-overlay-no-rows-center")) {
      window.requestAnimationFrame(function () {
        window.setTimeout(function () { window.dash_clientside.set_props("list-is-there", { data: true }); }, 0);
      });
    } else {
      window.requestAnimationFrame(afterTheList);
    }
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    inspections: {
      keep: function (search) {
        if (typeof search === "string" && search !== window.location.search) {
          window.history.replaceState(window.history.state, "", window.location.pathname + search);
        }
        return window.dash_clientside.no_update;
      },
      opened: function (children) {
        var details = document.getElementById("details");
        if (details && children) {
          details.scrollTop = 0;
          window.setTimeout(function () { details.focus({ preventScroll: true }); }, 0);
        }
        return window.dash_clientside.no_update;
      },
      shown: function () {
        var heading = document.querySelector("#page h1");
        if (heading) { document.title = heading.textContent + " · Food inspections, Chicago"; }
        afterTheList();
        return window.dash_clientside.no_update;
      }
    }
  });
})();
