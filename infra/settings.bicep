// What both apps are told. One project, two roles: what is not of an app's role is disabled there.

param orchestratorClientId string
param gpuClientId string
param hostStorage string
param blobEndpoint string
param bus string
param schedulerEndpoint string
param insightsConnection string
param checkpoint string
param durable string
param road string
param curationDataset string
param curationCron string

@description('Names of captioners\' keys; the key vault holds a secret for each.')
param captionerKeys string[]
param vault string

@description('Triggers of the orchestrator; the gpu app has none of them.')
var orchestratorFunctions = [
  'CurateDataset'
  'DeliverWebhook'
  'GenerateImages'
  'KeepSchedule'
  'RunJob'
  'RunStep'
  'CurateOnSchedule'
  'GetBlob'
  'PostImages'
  'PostJob'
  'PutJob'
  'ListJobs'
  'GetJob'
  'DeleteJob'
  'PostBatch'
  'PutBatch'
  'ListBatches'
  'GetBatch'
  'DeleteBatch'
  'RetryBatch'
  'ReportBatch'
  'PostDatasetRun'
  'GetDatasetRun'
  'DeleteDatasetRun'
]

var gpuFunctions = ['RenderFromServiceBus', 'RenderFromStorageQueue']
var unusedRoad = road == 'servicebus' ? 'RenderFromStorageQueue' : 'RenderFromServiceBus'

var disabledHere = concat(gpuFunctions, empty(curationDataset) ? ['CurateOnSchedule'] : [])
var disabledThere = concat(orchestratorFunctions, [unusedRoad])

var journal = durable == 'scheduler'
  ? {}
  : {
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'AzureStorage'
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'AzureWebJobsStorage'
    }

func common(clientId string, hostStorage string, schedulerEndpoint string, insightsConnection string) object => union(
  {
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
    AZURE_CLIENT_ID: clientId
    AzureWebJobsStorage__accountName: hostStorage
    AzureWebJobsStorage__clientId: clientId
    AzureWebJobsStorage__credential: 'managedidentity'
    TASKHUB_NAME: 'sana'
  },
  empty(schedulerEndpoint)
    ? {}
    : { DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${clientId}' }
)

func jobs(clientId string, bus string, road string) object => road == 'servicebus'
  ? {
      ServiceBus__clientId: clientId
      ServiceBus__credential: 'managedidentity'
      ServiceBus__fullyQualifiedNamespace: '${bus}.servicebus.windows.net'
    }
  : {}

// A reference, not a secret: the platform reads it with the app's identity. Names of secrets have hyphens for underscores.
func keys(names string[], vault string) object => toObject(
  names,
  name => name,
  name => '@Microsoft.KeyVault(VaultName=${vault};SecretName=${toLower(replace(name, '_', '-'))})'
)

func disabled(names string[]) object => toObject(names, name => 'AzureWebJobs__${name}__Disabled', name => 'true')

output orchestrator object = union(
  common(orchestratorClientId, hostStorage, schedulerEndpoint, insightsConnection),
  jobs(orchestratorClientId, bus, road),
  journal,
  {
    CurationCron: curationCron
    Sana__Blobs: '${blobEndpoint}sana'
    Sana__CurationDataset: curationDataset
    Sana__CurationSource: '${blobEndpoint}inbox'
    Sana__CurationWeights: '${blobEndpoint}weights'
    Sana__Device: 'cuda'
    Sana__QueueResource: resourceId('Microsoft.ServiceBus/namespaces/queues', bus, 'sana-jobs')
    Sana__Road: road
    Sana__Role: 'orchestrator'
  },
  keys(captionerKeys, vault),
  disabled(disabledHere)
)

output gpu object = union(
  common(gpuClientId, hostStorage, schedulerEndpoint, insightsConnection),
  jobs(gpuClientId, bus, road),
  journal,
  {
    CurationCron: curationCron
    Sana__Blobs: '${blobEndpoint}sana'
    Sana__Checkpoint: '/weights/${checkpoint}'
    Sana__Device: 'cuda'
    Sana__Road: road
    Sana__Role: 'gpu'
    Sana__Weights: '${blobEndpoint}weights/${checkpoint}'
  },
  disabled(disabledThere)
)
