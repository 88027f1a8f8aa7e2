/* Files one by one, each with its own progress. Without this file the form is sent as a whole. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-upload]");
  if (!form) return;
  var chooser = form.querySelector('input[type="file"]');
  var drop = form.querySelector(".drop");
  var list = form.querySelector(".upload-list");
  var status = form.querySelector("[data-upload-status]");
  var button = form.querySelector('button[type="submit"]');
  var most = Number(form.dataset.most);
  var busy = false;

  /* Dropping anywhere into the area chooses the files. */
  ["dragenter", "dragover"].forEach(function (name) {
    drop.addEventListener(name, function (event) {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  });
  ["dragleave", "drop"].forEach(function (name) {
    drop.addEventListener(name, function () {
      drop.classList.remove("is-over");
    });
  });
  drop.addEventListener("drop", function (event) {
    event.preventDefault();
    if (busy) return;
    chooser.files = event.dataTransfer.files;
    show();
  });
  chooser.addEventListener("change", show);

  function row(file) {
    var item = document.createElement("li");
    var name = document.createElement("span");
    var said = document.createElement("span");
    var bar = document.createElement("progress");
    item.className = "upload-item";
    name.className = "upload-name";
    name.textContent = file.name;
    said.className = "upload-said";
    said.textContent = size(file.size);
    bar.className = "progress";
    bar.max = 100;
    bar.value = 0;
    bar.hidden = true;
    bar.setAttribute("aria-label", file.name);
    item.append(name, said, bar);
    return item;
  }

  function size(bytes) {
    var units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    var step = 0;
    while (bytes >= 1000 && step < units.length - 1) {
      bytes /= 1024;
      step += 1;
    }
    return new Intl.NumberFormat(document.documentElement.lang, {
      style: "unit",
      unit: units[step],
      unitDisplay: "short",
      maximumFractionDigits: 1,
    }).format(bytes);
  }

  function show() {
    list.replaceChildren();
    Array.from(chooser.files).forEach(function (file) {
      list.append(row(file));
    });
    list.hidden = !chooser.files.length;
  }

  function say(item, text, tone, url) {
    var said = item.querySelector(".upload-said");
    item.classList.remove("is-danger", "is-ok", "is-info");
    if (tone) item.classList.add("is-" + tone);
    said.textContent = text;
    if (url) {
      var link = document.createElement("a");
      link.href = url;
      link.textContent = form.dataset.saysShow;
      link.setAttribute("aria-label", form.dataset.saysShow + ": " + item.querySelector(".upload-name").textContent);
      said.append(" ", link);
    }
    if (tone) status.textContent = item.querySelector(".upload-name").textContent + ": " + text;
  }

  /* Sends one file; calls back with the address of its delivery when it is a new one. */
  function send(file, item, done) {
    var bar = item.querySelector("progress");
    var data = new FormData();
    var request = new XMLHttpRequest();
    if (!file.size || file.size > most) {
      say(item, file.size ? form.dataset.saysTooLarge : form.dataset.saysEmpty, "danger");
      done("");
      return;
    }
    new FormData(form).forEach(function (value, name) {
      if (name !== chooser.name) data.append(name, value);
    });
    data.append(chooser.name, file, file.name);
    bar.hidden = false;
    say(item, form.dataset.saysSending);
    request.upload.addEventListener("progress", function (event) {
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      say(item, event.loaded < event.total ? form.dataset.saysSending : form.dataset.saysChecking);
    });
    request.addEventListener("load", function () {
      var answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch (error) {
        /* Signed out, or a page of the proxy. */
      }
      bar.hidden = true;
      if (answer && answer.url) {
        say(item, answer.detail || form.dataset.saysTaken, answer.detail ? "info" : "ok", answer.url);
        done(answer.detail ? "" : answer.url);
      } else if (answer && answer.detail) {
        say(item, answer.detail, "danger");
        done("");
      } else if (request.responseURL.indexOf("/accounts/login/") >= 0) {
        location.reload();
      } else {
        say(item, form.dataset.saysLost, "danger");
        done("");
      }
    });
    request.addEventListener("error", function () {
      bar.hidden = true;
      say(item, form.dataset.saysLost, "danger");
      done("");
    });
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(data);
  }

  form.addEventListener("submit", function (event) {
    var files = Array.from(chooser.files);
    if (busy) {
      event.preventDefault();
      return;
    }
    if (!files.length) return; // the browser says so beside the field
    event.preventDefault();
    show();
    busy = true;
    button.disabled = true;
    var items = Array.from(list.children);
    items.forEach(function (item) {
      say(item, form.dataset.saysWaiting);
    });
    var found = [];

    function next(index) {
      if (index === files.length) {
        busy = false;
        button.disabled = false;
        chooser.value = "";
        if (files.length === 1 && found[0]) location.assign(found[0]);
        return;
      }
      send(files[index], items[index], function (url) {
        if (url) {
          found.push(url);
          if (files.length > 1) document.body.dispatchEvent(new CustomEvent("delivered"));
        }
        next(index + 1);
      });
    }
    next(0);
  });

  window.addEventListener("beforeunload", function (event) {
    if (busy) event.preventDefault();
  });
})();
