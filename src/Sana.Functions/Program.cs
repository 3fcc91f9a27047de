using System.Globalization;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Sana.Functions;

// Numbers are read and written the same whatever language the app's machine has.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// Opens nothing and loads nothing: the host gives a worker a minute to start. Storage is opened by the first function that needs it, the networks by the gpu role's warm-up.
var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.Logging.AddOneLineConsole();
builder.Services.AddSana(builder.Configuration);
builder.Build().Run();
