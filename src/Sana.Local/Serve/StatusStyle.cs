namespace Sana.Local.Serve;

/// <summary>How the pages look.</summary>
internal static class StatusStyle
{
    public const string Css = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#15181e;--dim:#667085;--line:#e4e7ec;--field:#fff;--accent:#4f46e5;--accent-ink:#fff;--good:#067647;--good-bg:#dcfae6;--bad:#b42318;--bad-bg:#fee4e2;--busy:#175cd3;--busy-bg:#d8ebff;--held:#93370d;--held-bg:#fef0c7;--plain-bg:#eaecf0}
        @media(prefers-color-scheme:dark){:root{--bg:#0d0f14;--card:#161a22;--ink:#e9ecf2;--dim:#8d97a8;--line:#262c38;--field:#0f1218;--accent:#8b8cff;--accent-ink:#0d0f14;--good:#6ce9a6;--good-bg:#0b3b26;--bad:#fda29b;--bad-bg:#4a1411;--busy:#84caff;--busy-bg:#102a56;--held:#fec84b;--held-bg:#43290b;--plain-bg:#242a36}}
        *{box-sizing:border-box}[hidden]{display:none!important}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1240px;margin:0 auto;padding:24px 20px 56px;display:grid;gap:20px;grid-template-columns:minmax(0,1fr)}
        header{display:flex;align-items:center;gap:16px;flex-wrap:wrap}
        header p{margin:0;flex:1;min-width:0;overflow-wrap:anywhere}
        h1{margin:0;font-size:22px;letter-spacing:-.02em}
        .logo{display:inline-flex;align-items:center;gap:10px;color:inherit;text-decoration:none;font-size:22px;font-weight:700;letter-spacing:-.02em}
        .logo svg{width:30px;height:30px}.logo rect{fill:var(--accent)}.logo path{fill:none;stroke:var(--accent-ink);stroke-width:2.6;stroke-linecap:round}
        h2{margin:0 0 12px;font-size:12px;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--dim)}
        h3{margin:0 0 6px;font-size:14px;font-weight:600}
        section:not(.tiles),article{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;min-width:0}
        .tiles{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:14px}
        .tiles .wide{grid-column:span 2;position:relative}
        .tiles h2{margin-bottom:2px}
        strong{display:block;font-size:32px;line-height:1.25;font-weight:650;letter-spacing:-.02em}
        strong em{font-style:normal;font-size:15px;font-weight:500;color:var(--dim);letter-spacing:0}
        strong.bad{color:var(--bad)}
        small,.dim,footer{color:var(--dim)}small{font-size:13px}
        .bars{position:absolute;right:20px;bottom:20px;width:52%;height:62px}.bars rect{fill:var(--accent)}
        meter,progress{display:block;width:100%;height:8px;margin-top:10px;border:0;border-radius:4px;background:var(--plain-bg);appearance:none;overflow:hidden}
        meter::-webkit-meter-bar,progress::-webkit-progress-bar{height:8px;border:0;border-radius:4px;background:var(--plain-bg)}
        meter::-webkit-meter-optimum-value,progress::-webkit-progress-value{background:var(--accent);border-radius:4px}
        meter::-moz-meter-bar,progress::-moz-progress-bar{background:var(--accent)}
        table{width:100%;border-collapse:collapse}
        th{font-size:12px;font-weight:500;color:var(--dim);text-align:left;padding:0 12px 8px 0;white-space:nowrap}
        td{padding:10px 12px 10px 0;border-top:1px solid var(--line);vertical-align:middle}
        section>table:not(.runs) tr:first-child td{border-top:0;padding-top:0}
        th:last-child,td:last-child{padding-right:0}tr:last-child td{padding-bottom:2px}
        .num{text-align:right;white-space:nowrap}
        .name{width:34%}.name a{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere;color:inherit;font-weight:550;text-decoration:none}
        .name a:hover{text-decoration:underline}.name code{color:var(--dim);font-size:12px}.name a code{color:inherit;font-size:13px}
        .progress{min-width:150px;width:22%}.progress progress,.progress meter{margin:0 0 3px}
        code,pre{font:13px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}code{overflow-wrap:anywhere}
        pre{margin:0;padding:12px 14px;border:1px solid var(--line);border-radius:10px;background:var(--bg);overflow-x:auto}
        .pill{display:inline-block;padding:2px 10px;border-radius:999px;font-size:13px;font-weight:550;background:var(--plain-bg);color:var(--ink);white-space:nowrap}
        .pill.good{background:var(--good-bg);color:var(--good)}.pill.bad{background:var(--bad-bg);color:var(--bad)}.pill.busy{background:var(--busy-bg);color:var(--busy)}.pill.held{background:var(--held-bg);color:var(--held)}
        .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:14px}
        .gallery.big{grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr));margin-top:14px;align-items:start}
        .gallery a{color:inherit;text-decoration:none}figure{margin:0}
        .gallery img,.blank{display:block;width:100%;height:auto;aspect-ratio:1;object-fit:cover;border-radius:10px;background:var(--plain-bg)}
        .gallery.big img,.gallery.big .blank{aspect-ratio:auto;max-height:70vh;object-fit:contain}
        .gallery img{transition:transform .15s}.gallery a:hover img,.gallery a:focus-visible img{transform:scale(1.02)}
        .blank.bad{background:var(--bad-bg)}
        figcaption{padding:7px 2px 0;font-size:13px;line-height:1.35;overflow-wrap:anywhere}
        figcaption span{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}
        figcaption small{font-size:12px}figcaption .why{-webkit-line-clamp:4;color:var(--dim);font-size:12px}
        .pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:20px}
        .empty{margin:0;color:var(--dim)}
        footer{display:flex;justify-content:space-between;align-items:baseline;gap:8px 16px;flex-wrap:wrap;font-size:13px}footer span{overflow-wrap:anywhere}nav{display:flex;gap:8px 16px;flex-wrap:wrap}
        a,.link{color:var(--accent)}
        :focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:6px}
        .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}

        input,textarea,button{font:inherit;color:inherit}
        input,textarea{width:100%;padding:9px 12px;border:1px solid var(--line);border-radius:10px;background:var(--field)}
        textarea{display:block;min-height:64px;max-height:40vh;padding:12px 14px;font-size:17px;line-height:1.4;resize:vertical;field-sizing:content}
        ::placeholder{color:var(--dim);opacity:1}
        input:user-invalid{border-color:var(--bad)}
        button{min-height:40px;padding:7px 16px;border:1px solid var(--line);border-radius:10px;background:var(--card);font-weight:550;cursor:pointer}
        button:hover{border-color:var(--dim)}button:disabled{opacity:.55;cursor:default}
        .knobs .main{justify-self:end;min-width:140px;min-height:42px}button.main{border-color:transparent;background:var(--accent);color:var(--accent-ink)}
        button.link{min-height:0;padding:0;border:0;background:none;font-weight:400;text-decoration:underline;font-size:13px;color:var(--accent)}
        .knobs{display:grid;grid-template-columns:repeat(3,110px) minmax(120px,230px) 90px minmax(140px,1fr);gap:12px;margin-top:12px;align-items:end}
        .knobs label,.signin label{font-size:12px;color:var(--dim)}.knobs input{margin-top:3px;font-size:15px;color:var(--ink)}
        .compose .run{margin-top:18px;padding:18px 0 0;border:0;border-top:1px solid var(--line);border-radius:0}
        .compose .run h1{font-size:17px;letter-spacing:0}
        .run{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 20px;align-items:start}.run>*{grid-column:1/-1}
        .run .what{grid-column:1}.run .acts{grid-column:2;grid-row:1}
        .run h1{max-height:9em;overflow:auto;overflow-wrap:anywhere;white-space:pre-line;line-height:1.3}
        .facts{display:flex;flex-wrap:wrap;gap:4px 14px;margin:8px 0 0;align-items:baseline;font-size:13px;color:var(--dim)}.facts span{overflow-wrap:anywhere}.facts a{color:inherit}
        .acts{display:flex;gap:8px;flex-wrap:wrap}#failures .acts:not(:empty){margin-top:12px}
        .stand{margin:14px 0 0}.stand progress{margin:0 0 4px}
        .error{margin:14px 0 0;padding:10px 14px;border-radius:10px;background:var(--bad-bg);color:var(--bad);overflow-wrap:anywhere}
        .reasons button{min-height:34px;padding:4px 14px}
        .reasons td:first-child{width:24%}.reasons .progress{width:auto}
        .pages{justify-content:space-between;margin-top:18px}
        .clients p{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline;margin:0 0 14px}#base{font-size:15px;color:var(--ink)}
        #note{position:fixed;left:50%;bottom:20px;z-index:1;width:max-content;max-width:calc(100vw - 32px);margin:0;padding:10px 18px;border-radius:12px;background:var(--ink);color:var(--bg);transform:translateX(-50%);box-shadow:0 6px 24px #0004;overflow-wrap:anywhere}
        #note:empty{display:none}#note.bad{background:var(--bad-bg);color:var(--bad);border:1px solid var(--bad)}
        .signin{display:grid;gap:16px;width:min(100%,360px);margin:14vh auto 0;padding:28px;border:1px solid var(--line);border-radius:16px;background:var(--card)}
        .signin p{margin:0;color:var(--bad)}.signin p:empty{display:none}.signin input{margin-top:3px;font-size:17px;color:var(--ink)}

        @media(max-width:860px){.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.tiles article:last-child{grid-column:span 2}.pair{grid-template-columns:minmax(0,1fr)}.knobs{grid-template-columns:repeat(3,minmax(0,1fr))}.knobs .main{justify-self:stretch;min-width:0}}
        @media(max-width:760px){
         .runs thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.runs,.runs tbody{display:block}
         .runs tr{display:flex;flex-wrap:wrap;gap:4px 12px;padding:12px 0;border-top:1px solid var(--line)}.runs tr:first-child{border-top:0;padding-top:0}.runs tr:last-child{padding-bottom:0}
         .runs td{display:block;padding:0;border:0;text-align:left}.runs .name{flex:1 1 calc(100% - 150px);min-width:0;width:auto}.runs .state{flex:none}
         .runs .progress{flex:1 0 100%;width:auto}.runs .num{font-size:13px;color:var(--dim)}.runs .num[data-of]::after{content:" " attr(data-of)}.runs .none{display:none}.runs .started{margin-left:auto}
        }
        @media(max-width:520px){
         main{padding:16px 14px 56px;gap:14px}section:not(.tiles),article{padding:14px 16px}
         .tiles{gap:10px}strong{font-size:26px}.bars{width:44%}
         .gallery{grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:12px}#newest a:nth-child(n+9){display:none}.pair{gap:14px}.run h1{font-size:18px}
         input,textarea{font-size:16px!important}.knobs{gap:10px}
         .run{grid-template-columns:minmax(0,1fr)}.run .acts{grid-column:1;grid-row:auto}.run .acts:not(:empty){margin-top:12px}.acts button{flex:1}
        }
        """;
}
